"""The Python interpreter of a component: that of its image, with the required packages.

A plain Python image has no packages, and the compiled command installs some at each start. Here the
sandbox's own environment takes its place if it has them. Otherwise, and in other images, missing
packages are installed into a separate environment, created once.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from sandbox.containers.catalog import Catalog, is_plain_python
from sandbox.containers.environments import EnvironmentFailed, interpreter
from sandbox.vertex.pipelines.spec.command import Lightweight


def interpreter_for(component: Lightweight, image: str, catalog: Catalog, home: Path) -> str:
    """The path of the interpreter for a component of that image; creating it may take long.

    `home` has the environments, one for each image and set of requirements. Raises
    EnvironmentFailed, and UnknownImage for an image that is not in the catalog.
    """
    if is_plain_python(image):
        base, packages = sys.executable, Path(sysconfig.get_path("purelib"))
    else:
        base = str(interpreter(catalog.find(image)))
        packages = next(Path(base).parents[1].glob("lib/python*/site-packages"))
    needed = missing(component.requirements, packages)
    if not needed:
        return base
    parts = (str(packages), *component.requirements, *component.pip_options)
    folder = home / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two jobs may need it at the same time
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _create(folder, base, packages, component, needed)
            (folder / "ready").touch()
    return str(python)


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
    folder: Path, base: str, packages: Path, component: Lightweight, needed: list[str]
) -> None:
    # The pip of this environment, if any, can install into the new one: ensurepip takes 3 s.
    own = importlib.util.find_spec("pip") is not None
    python = folder / "bin" / "python"
    if base == sys.executable:
        venv.create(folder, with_pip=not own)
    else:
        without = ["--without-pip"] if own else []
        subprocess.run([base, "-m", "venv", *without, str(folder)], check=True)
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
