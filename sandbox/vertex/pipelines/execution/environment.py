"""The Python interpreter of a component: that of its image, with the required packages.

A plain Python image has no packages, and the compiled command installs some at each start. Here the
sandbox's own environment takes its place if it has them. Otherwise, and in other images, missing
packages are installed into a separate environment, created once.
"""

import hashlib
import importlib.util
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from sandbox.containers.catalog import Image
from sandbox.containers.environments import EnvironmentFailed, interpreter, make_once
from sandbox.vertex.pipelines.spec.command import Lightweight


def interpreter_for(component: Lightweight, image: Image | None, home: Path) -> Path:
    """The interpreter for a component of that image, None for a plain Python image; creating it may
    take long.

    `home` has the environments, one for each image and set of requirements. Raises
    EnvironmentFailed.
    """
    if image is None:
        base, packages = Path(sys.executable), Path(sysconfig.get_path("purelib"))
    else:
        base = interpreter(image)
        packages = next(base.parents[1].glob("lib/python*/site-packages"))
    needed = missing(component.requirements, packages)
    if not needed:
        return base
    parts = (str(packages), *component.requirements, *component.pip_options)
    folder = home / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    make_once(folder, lambda: _create(folder, base, packages, component, needed))
    return folder / "bin" / "python"


def missing(requirements: Iterable[str], packages: Path) -> list[str]:
    """The requirements that the environment with these site-packages does not satisfy."""
    return [text for text in requirements if not _satisfied(text, packages, frozenset())]


def _satisfied(text: str, packages: Path, parents: frozenset[str]) -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:  # a path or a bare URL
        return False
    if wanted.url:
        return False
    if wanted.marker and not wanted.marker.evaluate():
        return True
    found = next(iter(metadata.distributions(name=wanted.name, path=[str(packages)])), None)
    if found is None:
        return False
    if not wanted.specifier.contains(found.version, prereleases=True):
        return False
    if text in parents:
        return True
    return all(
        _satisfied(str(needed).split(";")[0], packages, parents | {text})
        for needed in map(Requirement, found.requires or [])
        for extra in wanted.extras
        if needed.marker
        and needed.marker.evaluate({"extra": extra})
        and not needed.marker.evaluate({"extra": ""})
    )


def _create(
    folder: Path, base: Path, packages: Path, component: Lightweight, needed: list[str]
) -> None:
    # The pip of this environment, if any, can install into the new one: ensurepip takes 3 s.
    own = importlib.util.find_spec("pip") is not None
    python = folder / "bin" / "python"
    if base == Path(sys.executable):
        venv.create(folder, with_pip=not own)
    else:
        without = ["--without-pip"] if own else []
        subprocess.run([str(base), "-m", "venv", *without, str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if not own:
        pip = [str(python), "-m", "pip"]
    # The image's packages are importable, too, after those of the component.
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "image.pth").write_text(f"{packages}\n", encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", *component.pip_options]
    process = subprocess.run(
        [*pip, "install", *options, *needed],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = [line for line in process.stderr.splitlines() if line.startswith("ERROR:")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else process.stderr.strip()[-300:]
        raise EnvironmentFailed(
            f"packages_to_install {', '.join(needed)} could not be installed: {reason} "
            "(the sandbox installs into a separate environment, from pip's package index)"
        )
