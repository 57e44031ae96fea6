"""The build context: an archive of the image's files, and its bucket."""

import gzip
import io
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core.exceptions import Conflict, GoogleAPIError
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from deploy.clients import storage_client
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.errors import error_message

_SECONDS = 60.0


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz of the files by their paths; the same bytes for the same files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in sorted(files):
            # Owner, permissions and time are always the same.
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(content.getvalue(), mtime=0)


@dataclass(frozen=True)
class UploadedContext:
    """An archive in Cloud Storage. The generation identifies its content: a later write under the
    same name has another one."""

    bucket: str
    name: str
    generation: int


@dataclass(frozen=True)
class ContextBucket:
    """The bucket for build contexts of a project.

    Raises EnvironmentConfigError when Google refuses a call.
    """

    project: str
    credentials: Any

    @property
    def name(self) -> str:
        """Its name, without gs://. A project of a domain, `example.com:name`, has characters that
        are not allowed in it."""
        return f"{self.project.replace(':', '-').replace('.', '-')}-titleholder-builds"

    def exists(self) -> bool:
        """Whether the project has the bucket. One that another project created under the same name
        is not used: its owner could read and replace what is uploaded."""
        with self._translated_errors(f"list the buckets of {self.project}"):
            found = self._client.list_buckets(
                project=self.project, prefix=self.name, timeout=_SECONDS
            )
            return self.name in {bucket.name for bucket in found}

    def create(self, location: str) -> None:
        """Create the bucket, which deletes objects after a day."""
        bucket = self._client.bucket(self.name)
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        bucket.add_lifecycle_delete_rule(age=1)
        with self._translated_errors(f"create gs://{self.name}"):
            try:
                bucket.create(location=location, timeout=_SECONDS)
            except Conflict:
                raise EnvironmentConfigError(
                    f"gs://{self.name} exists already and is not a bucket of {self.project}; find "
                    "out whose it is"
                ) from None

    @contextmanager
    def uploaded(self, content: bytes) -> Iterator[UploadedContext]:
        """The archive in the bucket, deleted afterwards, also after an error. After an interruption
        it stays until the bucket deletes it: a build may have to read it."""
        name = f"context-{uuid.uuid4().hex}.tar.gz"
        blob = self._client.bucket(self.name).blob(name)
        with self._translated_errors(f"write gs://{self.name}/{name}"):
            # The condition on the generation makes a retry safe.
            blob.upload_from_string(
                content,
                content_type="application/gzip",
                if_generation_match=0,
                checksum="md5",
                timeout=_SECONDS,
                retry=DEFAULT_RETRY,
            )
        context = UploadedContext(self.name, name, blob.generation)
        try:
            yield context
        except Exception:
            self._delete(context)
            raise
        self._delete(context)

    def _delete(self, context: UploadedContext) -> None:
        blob = self._client.bucket(context.bucket).blob(context.name)
        try:
            blob.delete(timeout=_SECONDS, retry=DEFAULT_RETRY)
        except GoogleAPIError as error:
            # The image does not depend on it, and the bucket deletes it after a day.
            print(f"gs://{context.bucket}/{context.name} is not deleted: {error_message(error)}")

    @cached_property
    def _client(self) -> Client:
        return storage_client(self.project, self.credentials)

    @contextmanager
    def _translated_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"cannot {action}: {error_message(error)}; docs/how-to/composer.md lists the "
                "permissions"
            ) from None
