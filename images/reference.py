"""The reference of the image, `REPOSITORY/model:TAG`; the tag is a digest of the build context."""

import hashlib
import re
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "src"
"""The folder that the image has on PYTHONPATH."""
CONTEXT = ("Dockerfile", "requirements.txt", ".dockerignore", "src/**/*.py")
"""The files of the build context, as patterns: what `.dockerignore` lets through."""
NAME = "model"
LOCK = FOLDER / "requirements.txt"
_PROJECT_LOCK = FOLDER.parent / "requirements.txt"
_REPOSITORY = FOLDER / "repository.txt"
_LOCATION = r"[a-z]+(?:-[a-z]+\d+)?"
# The project of a domain, `example.com:name`, is `example.com/name` in the name of an image.
_PROJECT = r"(?:[a-z0-9.-]+\.[a-z]+/)?[a-z][a-z0-9-]*"
_VALID = re.compile(rf"{_LOCATION}-docker\.pkg\.dev/{_PROJECT}/[a-z][a-z0-9-]{{0,62}}")


class ImageError(Exception):
    """The image's files are invalid; the message is one sentence."""


def context_files(folder: Path = FOLDER) -> dict[str, bytes]:
    """The files of the build context by their paths."""
    paths = [path for pattern in CONTEXT for path in sorted(folder.glob(pattern))]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def image_tag(files: dict[str, bytes]) -> str:
    """The first 16 hexadecimal digits of a SHA-256 over the names and contents of the files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {len(files[name])}\n".encode())
        digest.update(files[name])
    return digest.hexdigest()[:16]


def repository() -> str:
    """The Artifact Registry repository in repository.txt: `LOCATION-docker.pkg.dev/PROJECT/NAME`.

    Raises ImageError for another text.
    """
    text = _REPOSITORY.read_text(encoding="utf-8").strip()
    if not _VALID.fullmatch(text):
        raise ImageError(
            f"images/repository.txt says {text!r}: write LOCATION-docker.pkg.dev/PROJECT/REPOSITORY"
        )
    return text


@cache
def image_reference() -> str:
    """The reference of this checkout's image, which pipelines are compiled with. Raises ImageError
    for an invalid repository."""
    return f"{repository()}/{NAME}:{image_tag(context_files())}"


def is_own_image(uri: str) -> bool:
    """Whether the URI is one of this checkout's image, in any repository."""
    return uri.endswith(f"/{NAME}:{image_tag(context_files())}")


def check_lock(lock: Path = LOCK, project_lock: Path = _PROJECT_LOCK) -> None:
    """Raise ImageError unless the image has every package in the version of the project's lock:
    tests and the sandbox's environment use that one."""
    if not project_lock.exists():
        raise ImageError(
            f"there is no {project_lock}, the lock that the image's has to agree with: run `make "
            "image` or `make compile` in a checkout"
        )
    project = {(pin.name, str(pin.specifier)) for pin in pins(project_lock)}
    names = {name for name, _ in project}
    for pin in pins(lock):
        if (pin.name, str(pin.specifier)) not in project:
            other = "another version" if pin.name in names else "none of it"
            raise ImageError(
                f"images/requirements.txt has {pin.name}{pin.specifier} and requirements.txt "
                f"{other}: run `make lock`"
            )


def pins(lock: Path) -> list[Requirement]:
    """The requirements `name==version` of a lock, with their markers."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    # The other lines are hashes and comments, which are indented.
    return [Requirement(line.rstrip("\\ ")) for line in lines if re.match(r"[A-Za-z0-9]", line)]
