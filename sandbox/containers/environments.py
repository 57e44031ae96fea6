"""The Python environments of images: each is made once, by uv, and kept for later starts."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import uv

from sandbox.containers.catalog import KEPT, Image


class EnvironmentFailed(Exception):
    """There is no such Python, or the packages cannot be installed; the message is one sentence."""


def interpreter(image: Image, folder: Path | None = None) -> Path:
    """The Python of the image's environment; the first time, this takes as long as to install it.

    It has the image's Python version if that is on this machine, otherwise the sandbox's, unless
    the image needs its own. Raises EnvironmentFailed.
    """
    home = folder or KEPT
    other = "" if image.needs_python else platform.python_version()
    key = hashlib.sha256(f"{image.python} {other}\n{image.requirements}".encode())
    target = home / key.hexdigest()[:16]
    python = target / "bin" / "python"
    make_once(target, lambda: _make(image, target, python))
    return python


def make_once(folder: Path, make: Callable[[], None]) -> None:
    """Call `make`, which fills the folder, unless a call for this folder has succeeded before, in
    any process."""
    ready = folder / "ready"
    if ready.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes may need it at the same time
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make()
            ready.touch()


def image_variables(image: Image, python: Path) -> dict[str, str]:
    """The variables by which a process finds the programs and modules of its image."""
    path = os.pathsep.join((str(python.parent), os.environ.get("PATH", os.defpath)))
    return {"PATH": path, "PYTHONPATH": image.path}


def _make(image: Image, target: Path, python: Path) -> None:
    version = image.python
    if _uv("python", "find", "--no-python-downloads", version).returncode:
        if image.needs_python:
            raise EnvironmentFailed(
                f"the image {image.uri} needs Python {version}, which is not on this machine: "
                "install it, or correct `python` in the file of images"
            )
        version = platform.python_version()
    _require(image, _uv("venv", "--no-python-downloads", "--python", version, str(target)))
    requirements = target / "requirements.txt"
    requirements.write_text(image.requirements, encoding="utf-8")
    # A lock with hashes is complete; other requirements are resolved.
    locked = ["--require-hashes", "--no-deps"] if "--hash=" in image.requirements else []
    _require(
        image,
        _uv(
            *("pip", "install", "--only-binary=:all:", "--compile-bytecode", *locked),
            *("--python", str(python), "--requirements", str(requirements)),
        ),
    )


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [uv.find_uv_bin(), "--quiet", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )


def _require(image: Image, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        reason = " ".join(done.stderr.split())[-500:]
        raise EnvironmentFailed(
            f"the environment of the image {image.uri} cannot be made ({reason}): correct its "
            "requirements"
        )
