"""The artifact: the folder with a model's files, and the digest that identifies its content."""

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO


class ArtifactError(Exception):
    """The artifact cannot be used; the message is one sentence: what, where, what to do."""


def artifact_digest(folder: Path) -> str:
    """The SHA-256 of the folder's content, in hexadecimal.

    It is that of the text that `sha256sum` prints for all files below the folder, sorted by their
    relative paths: `<SHA-256 of the file>  <path>`, a line each. Raises OSError.
    """
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def require_digest(folder: Path, source: str, expected: str) -> None:
    """Raise ArtifactError unless the folder, a copy of `source`, has this digest. Loading a model
    can run any code of its files, so this is checked before."""
    found = artifact_digest(folder)
    if found != expected:
        raise ArtifactError(
            f"the files under {source} have the SHA-256 {found} instead of the registered "
            f"{expected}: restore them, or train and register the model again"
        )


def download(uri: str, folder: Path) -> None:
    """Copy all objects below the `gs://` URI into the folder. Raises ArtifactError for another URI,
    for no objects, and for a name that is no path of a file; exceptions of Google's client."""
    scheme, _, rest = uri.rstrip("/").partition("://")
    bucket, _, path = rest.partition("/")
    if scheme != "gs" or not bucket:
        raise ArtifactError(f"the artifact's URI is {uri!r}: it must be a gs:// folder")
    client = _storage_client()
    prefix = f"{path}/" if path else ""
    count = 0
    for blob in client.list_blobs(bucket, prefix=prefix):
        name = blob.name[len(prefix) :]
        if not name or name.endswith("/"):
            continue
        try:
            file = _new_file(folder, name)
        except (OSError, ValueError) as error:
            # `a/.`, or `a` beside `a/b`: names of objects need not be paths.
            reason = getattr(error, "strerror", None) or "its name is no path"
            raise ArtifactError(
                f"the object {blob.name!r} under {uri} cannot be a file in a folder "
                f"({reason}): delete it, or train and register the model again"
            ) from error
        with file:
            blob.download_to_file(file)
        count += 1
    if not count:
        raise ArtifactError(f"there are no files under {uri}: upload the model's files there")


def _new_file(folder: Path, name: str) -> BinaryIO:
    if {"", ".", ".."} & set(name.split("/")):
        raise ValueError(name)
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("wb")


def _storage_client() -> Any:
    """A Cloud Storage client; without credentials for an emulator, which must not get any."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    if "STORAGE_EMULATOR_HOST" not in os.environ:
        return Client()
    return Client(project="none", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
