"""The reference of the image, `REPOSITORY/model:TAG`; the tag is a digest of the build context."""

import hashlib
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "src"
"""The folder that the image has on PYTHONPATH."""
NAME = "model"
LOCK = FOLDER / "requirements.txt"
_REPOSITORY = FOLDER / "repository.txt"
_LOCATION = r"[a-z]+(?:-[a-z]+\d+)?"
_VALID = re.compile(rf"{_LOCATION}-docker\.pkg\.dev/[a-z][a-z0-9.:-]*/[a-z][a-z0-9-]{{0,62}}")


class ImageError(Exception):
    """The image's files are invalid; the message is one sentence."""


def context_files(folder: Path = FOLDER) -> dict[str, bytes]:
    """The files of the build context by their paths: what `.dockerignore` lets through."""
    paths = [folder / "Dockerfile", folder / "requirements.txt", folder / ".dockerignore"]
    paths += sorted((folder / "src").rglob("*.py"))
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
