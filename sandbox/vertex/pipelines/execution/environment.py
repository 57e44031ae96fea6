"""The Python interpreter of a component: the sandbox's own if it has the required packages.

The compiled command installs packages into any Python that it finds. Here nothing is installed into
the sandbox's environment: missing packages are installed into a separate one, created once.
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

from sandbox.vertex.pipelines.spec.command import Lightweight


class EnvironmentFailed(Exception):
    """The packages cannot be installed; the message is one sentence that names them."""


def interpreter_for(component: Lightweight, home: Path) -> str:
    """The path of the interpreter for a component; creating it may take long.

    `home` has the environments, one for each set of requirements. Raises EnvironmentFailed.
    """
    packages = missing(component.requirements)
    if not packages:
        return sys.executable
    key = hashlib.sha256("\n".join((*component.requirements, *component.pip_options)).encode())
    folder = home / key.hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two jobs may need it at the same time
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _create(folder, python, component, packages)
            (folder / "ready").touch()
    return str(python)


def missing(requirements: Iterable[str]) -> list[str]:
    """The requirements that this environment does not satisfy."""
    return [text for text in requirements if not _satisfied(text, frozenset())]


def _satisfied(text: str, parents: frozenset[str]) -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:  # a path or a bare URL
        return False
    if wanted.url:
        return False
    if wanted.marker and not wanted.marker.evaluate():
        return True
    try:
        found = metadata.distribution(wanted.name)
    except metadata.PackageNotFoundError:
        return False
    if not wanted.specifier.contains(found.version, prereleases=True):
        return False
    if text in parents:
        return True
    return all(
        _satisfied(str(needed).split(";")[0], parents | {text})
        for needed in map(Requirement, found.requires or [])
        for extra in wanted.extras
        if needed.marker
        and needed.marker.evaluate({"extra": extra})
        and not needed.marker.evaluate({"extra": ""})
    )


def _create(folder: Path, python: Path, component: Lightweight, packages: list[str]) -> None:
    # The pip of this environment, if any, can install into the new one: ensurepip takes 3 s.
    own = importlib.util.find_spec("pip") is not None
    venv.create(folder, with_pip=not own)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if not own:
        pip = [str(python), "-m", "pip"]
    # The sandbox's packages are importable, too, after those of the component.
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "sandbox.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", *component.pip_options]
    process = subprocess.run(
        [*pip, "install", *options, *packages],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = [line for line in process.stderr.splitlines() if line.startswith("ERROR:")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else process.stderr.strip()[-300:]
        raise EnvironmentFailed(
            f"packages_to_install {', '.join(packages)} could not be installed: {reason} "
            "(the sandbox installs into a separate environment, from pip's package index)"
        )
