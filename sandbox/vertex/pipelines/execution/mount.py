"""A folder that stands for /gcs: fetched before a component runs, sent to Cloud Storage after."""

import os
import stat
import threading
from pathlib import Path

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from requests.exceptions import RequestException

_PATIENCE = 20


class StorageError(Exception):
    """Cloud Storage cannot be used; the text is one sentence."""


class Mount:
    """Files under `folder/BUCKET/...` are objects `gs://BUCKET/...`. Safe to use from threads."""

    def __init__(self, folder: Path, project: str) -> None:
        """Raises StorageError where no emulator is named: the sandbox never calls Google."""
        if not os.environ.get("STORAGE_EMULATOR_HOST"):
            raise StorageError(
                "STORAGE_EMULATOR_HOST is not set where the sandbox's Vertex AI runs: "
                "start it with the environment of var/sandbox.env"
            )
        self.folder = folder
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
        self._client = Client(project=project, credentials=nobody)
        self._known: dict[Path, tuple[int, int] | None] = {}
        self._fetched: set[str] = set()
        self._lock = threading.Lock()

    def path(self, uri: str) -> Path:
        """Where the object or folder of that URI is, or would be; no `/` ends the URI.

        Raises StorageError where a mounted bucket could not show it.
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
        """Raise StorageError when the bucket of that gs:// URI does not exist."""
        name = root.removeprefix("gs://").split("/")[0]
        try:
            found = self._client.lookup_bucket(name, timeout=_PATIENCE, retry=None)
        except (GoogleAPICallError, RequestException) as error:
            raise StorageError(
                f"Cloud Storage does not answer for bucket {name!r}: {error}"
            ) from None
        if found is None:
            raise StorageError(
                f"The specified bucket does not exist: {name} (of gcsOutputDirectory); create it"
            )

    def exists(self, uri: str) -> bool:
        """Whether the object, or one whose name starts so, is in Cloud Storage.

        What is stored elsewhere counts as there: it cannot be looked up. Raises StorageError.
        """
        if not uri.startswith("gs://"):
            return True
        bucket, _, prefix = uri.removeprefix("gs://").partition("/")
        try:
            found = self._client.list_blobs(bucket, prefix=prefix, max_results=1, timeout=_PATIENCE)
            return any(True for _ in found)
        except NotFound:
            return False
        except (GoogleAPICallError, RequestException) as error:
            raise StorageError(f"cannot look for {uri}: {error}") from None

    def fetch(self, uri: str) -> None:
        """Bring the object, or all objects whose name starts so, unless they are here.

        A prefix, not just a folder: components often write `model.path + ".joblib"`, which a
        mounted bucket would show too. Objects that it would not show are left out. Nothing is
        written outside the mount. Raises StorageError.
        """
        if not uri.startswith("gs://"):
            return
        with self._lock:
            if uri in self._fetched:
                return
            bucket, _, prefix = uri.removeprefix("gs://").partition("/")
            try:
                for blob in self._client.list_blobs(bucket, prefix=prefix, timeout=_PATIENCE):
                    target = file_of(self.folder, bucket, blob.name)
                    if target is None or target in self._known:
                        continue
                    self._check_inside(target)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    blob.download_to_filename(target, timeout=_PATIENCE)
                    self._known[target] = _mark(target)
            except (GoogleAPICallError, RequestException, OSError) as error:
                raise StorageError(f"cannot read {uri}: {error}") from None
            self._fetched.add(uri)

    def _check_inside(self, target: Path) -> None:
        # A component may have made a link in the mount to a place outside.
        if not target.resolve().is_relative_to(self.folder.resolve()):
            raise StorageError(
                f"{target} is behind a link that leads outside the mount, and nothing is written "
                "there: have the component that made the link copy the files instead"
            )

    def send(self) -> None:
        """Bring every file that is new or changed into its bucket. Raises StorageError.

        All of the mount, not just the declared outputs: that is what writing to /gcs means.
        """
        with self._lock:
            for path in sorted(self.folder.rglob("*")):
                mark = _mark(path)
                if mark is None or self._known.get(path) == mark:
                    continue
                bucket, _, name = path.relative_to(self.folder).as_posix().partition("/")
                try:
                    blob = self._client.bucket(bucket).blob(name)
                    blob.upload_from_filename(path, timeout=_PATIENCE)
                except (GoogleAPICallError, RequestException, OSError) as error:
                    raise StorageError(f"cannot write gs://{bucket}/{name}: {error}") from None
                self._known[path] = mark


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # a temporary file of a component that runs at the same time
        return None
    return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def file_of(mount: Path, bucket: str, name: str) -> Path | None:
    """The file under `mount` that is the object `gs://bucket/name`, None where there can be none.

    Cloud Storage FUSE leaves out what no path can say: names with a segment that is empty (`a//b`,
    `/a`), `.` or `..` (https://github.com/GoogleCloudPlatform/gcsfuse, docs/semantics.md). Folders
    (`a/`) are no files.
    """
    parts = [bucket, *name.split("/")]
    if any(part in ("", ".", "..") or "\0" in part for part in parts) or "/" in bucket:
        return None
    return mount.joinpath(*parts)
