"""Which Python runs a component: the sandbox's own when that has what the component wants.

The compiled command would pip install into whatever Python it finds. Here nothing is ever
installed into the sandbox's environment: what is missing goes to a separate one, made once.
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
    """The packages cannot be had; one sentence that names them."""


def interpreter_for(component: Lightweight, home: Path) -> str:
    """The Python to run that component with; may take long the first time.

    `home` keeps the environments, one for each set of requirements. Raises EnvironmentFailed.
    """
    lacking = missing(component.requirements)
    if not lacking:
        return sys.executable
    key = hashlib.sha256("\n".join((*component.requirements, *component.pip_options)).encode())
    folder = home / key.hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two jobs may want it at once
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python, component, lacking)
            (folder / "ready").touch()
    return str(python)


def missing(requirements: Iterable[str]) -> list[str]:
    """Those of the requirements that this environment does not satisfy."""
    return [text for text in requirements if not _satisfied(text, frozenset())]


def _satisfied(text: str, above: frozenset[str]) -> bool:
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
    if text in above:
        return True
    return all(
        _satisfied(str(needed).split(";")[0], above | {text})
        for needed in map(Requirement, found.requires or [])
        for extra in wanted.extras
        if needed.marker
        and needed.marker.evaluate({"extra": extra})
        and not needed.marker.evaluate({"extra": ""})
    )


def _make(folder: Path, python: Path, component: Lightweight, lacking: list[str]) -> None:
    # Our own pip, where there is one, works on the new environment: ensurepip takes 3 seconds.
    own = importlib.util.find_spec("pip") is not None
    venv.create(folder, with_pip=not own)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if not own:
        pip = [str(python), "-m", "pip"]
    # The sandbox's packages lie beneath: the component sees them unless its own come first.
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "sandbox.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", *component.pip_options]
    made = subprocess.run(
        [*pip, "install", *options, *lacking],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        lines = [line for line in made.stderr.splitlines() if line.startswith("ERROR:")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else made.stderr.strip()[-300:]
        raise EnvironmentFailed(
            f"packages_to_install {', '.join(lacking)} could not be installed: {reason} "
            "(the sandbox installs into a separate environment, from the package index pip knows)"
        )
