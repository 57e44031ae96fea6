"""A folder in place of /gcs: inputs are downloaded into it, and changed files uploaded from it."""

import os
import stat
import threading
from pathlib import Path

from sandbox.vertex.pipelines.execution.cloud_storage import (
    CloudStorage,
    NotThere,
    StorageCallFailed,
)


class StorageError(Exception):
    """Cloud Storage cannot be used; the message is one sentence."""


class Mount:
    """Files `folder/BUCKET/...` for objects `gs://BUCKET/...`. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Raises StorageError without STORAGE_EMULATOR_HOST: the sandbox never calls Google."""
        host = os.environ.get("STORAGE_EMULATOR_HOST")
        if not host:
            raise StorageError(
                "STORAGE_EMULATOR_HOST is not set where the sandbox's Vertex AI runs: "
                "start it with the environment of var/sandbox.env"
            )
        self.folder = folder
        self._storage = CloudStorage(host)
        self._known: dict[Path, tuple[int, int] | None] = {}
        self._fetched: set[str] = set()
        self._lock = threading.Lock()

    def path(self, uri: str) -> Path:
        """The path of the object or folder of a URI, which does not end with `/`.

        Raises StorageError if a mounted bucket cannot show it.
        """
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        found = file_of(self.folder, bucket, name)
        if found is None:
            raise StorageError(
                f"{uri} cannot be a file of a mounted bucket: name it without empty parts, "
                "`.` and `..`"
            )
        return found

    def check_bucket(self, root: str) -> None:
        """Raise StorageError if the bucket of a gs:// URI does not exist."""
        name = root.removeprefix("gs://").split("/")[0]
        try:
            self._storage.require(name)
        except NotThere:
            raise StorageError(
                f"The specified bucket does not exist: {name} (of gcsOutputDirectory); create it"
            ) from None
        except StorageCallFailed as error:
            raise StorageError(
                f"Cloud Storage does not respond for bucket {name!r}: {error}"
            ) from None

    def exists(self, uri: str) -> bool:
        """Whether an object with the URI as prefix exists in Cloud Storage.

        True for URIs of other storage, which cannot be checked. Raises StorageError.
        """
        if not uri.startswith("gs://"):
            return True
        bucket, _, prefix = uri.removeprefix("gs://").partition("/")
        try:
            return bool(self._storage.names(bucket, prefix))
        except NotThere:
            return False
        except StorageCallFailed as error:
            raise StorageError(f"cannot look for {uri}: {error}") from None

    def fetch(self, uri: str) -> None:
        """Download all objects with the URI as prefix that are not here yet.

        The URI is a prefix, not only a folder: components often write `model.path + ".joblib"`,
        which a mounted bucket shows as well. Objects that it cannot show are left out. Nothing is
        written outside the mount. Raises StorageError.
        """
        if not uri.startswith("gs://"):
            return
        with self._lock:
            if uri in self._fetched:
                return
            bucket, _, prefix = uri.removeprefix("gs://").partition("/")
            try:
                for name in self._storage.names(bucket, prefix):
                    target = file_of(self.folder, bucket, name)
                    if target is None or target in self._known:
                        continue
                    self._check_inside(target)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._storage.download(bucket, name, target)
                    self._known[target] = _version(target)
            except (StorageCallFailed, OSError) as error:
                raise StorageError(f"cannot read {uri}: {error}") from None
            self._fetched.add(uri)

    def _check_inside(self, target: Path) -> None:
        # A component may have created a link to a place outside the mount.
        if not target.resolve().is_relative_to(self.folder.resolve()):
            raise StorageError(
                f"{target} is behind a link that leads outside the mount, where nothing is "
                "written: let the component copy the files instead of creating a link"
            )

    def upload(self) -> None:
        """Upload every new or changed file to its bucket. Raises StorageError.

        That includes files that are no declared outputs, as a write to /gcs does.
        """
        with self._lock:
            for path in sorted(self.folder.rglob("*")):
                version = _version(path)
                if version is None or self._known.get(path) == version:
                    continue
                bucket, _, name = path.relative_to(self.folder).as_posix().partition("/")
                try:
                    self._storage.upload(bucket, name, path)
                except (StorageCallFailed, OSError) as error:
                    raise StorageError(f"cannot write gs://{bucket}/{name}: {error}") from None
                self._known[path] = version


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # a temporary file of another component
        return None
    return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def file_of(mount: Path, bucket: str, name: str) -> Path | None:
    """The file under `mount` for the object `gs://bucket/name`; None if there can be none.

    Cloud Storage FUSE leaves out names that are no paths: those with a segment that is empty
    (`a//b`, `/a`), `.` or `..` (https://github.com/GoogleCloudPlatform/gcsfuse, docs/semantics.md).
    A folder (`a/`) is not a file.
    """
    parts = [bucket, *name.split("/")]
    if any(part in ("", ".", "..") or "\0" in part for part in parts) or "/" in bucket:
        return None
    return mount.joinpath(*parts)
