"""The bucket of an environment, through Google's own client of Cloud Storage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core.exceptions import GoogleAPIError, PreconditionFailed
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from deploy.plan import Delete, Object, Upload, md5_of
from titleholder.errors import EnvironmentConfigError, ManualActionRequired
from titleholder.gcp.errors import error_message

# Under these lies everything that a deployment writes.
PREFIXES = ("dags/", "plugins/titleholder", "data/titleholder/")
MARK, RELEASE, OWNER = "titleholder-md5", "titleholder-release", "titleholder-owner"
_SECONDS = 60.0


@dataclass(frozen=True)
class Bucket:
    """`name` without gs://. Raises EnvironmentConfigError for what Google refuses,
    ManualActionRequired when somebody else writes at the same time; repeating is always safe."""

    name: str
    project: str
    credentials: Any

    def objects(self) -> dict[str, Object]:
        """What is there now, below PREFIXES."""
        found: dict[str, Object] = {}
        for prefix in PREFIXES:
            with self._errors_explained(f"list gs://{self.name}/{prefix}"):
                for blob in self._client.list_blobs(self.name, prefix=prefix, timeout=_SECONDS):
                    said = blob.metadata or {}
                    found[blob.name] = Object(
                        # An object that was composed has none.
                        blob.md5_hash or "",
                        blob.generation,
                        blob.time_created,
                        said.get(MARK, ""),
                        said.get(RELEASE, ""),
                        said.get(OWNER, ""),
                    )
        return found

    def upload(self, step: Upload, release: str, owner: str) -> None:
        """Write one object as a part of that release and as that owner's, if what it replaces is
        still what was listed."""
        blob = self._client.bucket(self.name).blob(step.name)
        blob.metadata = {MARK: md5_of(step.content), RELEASE: release, OWNER: owner}
        with self._errors_explained(f"write gs://{self.name}/{step.name}"):
            # With the condition on the generation a second try cannot do harm.
            blob.upload_from_string(
                step.content,
                content_type="text/plain; charset=utf-8",
                if_generation_match=step.generation,
                checksum="md5",
                timeout=_SECONDS,
                retry=DEFAULT_RETRY,
            )

    def delete(self, step: Delete) -> None:
        """Remove one object, if it is still what was listed."""
        blob = self._client.bucket(self.name).blob(step.name)
        with self._errors_explained(f"delete gs://{self.name}/{step.name}"):
            blob.delete(if_generation_match=step.generation, timeout=_SECONDS, retry=DEFAULT_RETRY)

    @cached_property
    def _client(self) -> Client:
        host = os.environ.get("STORAGE_EMULATOR_HOST")
        options = {"api_endpoint": host} if host else None
        return Client(self.project, credentials=self.credentials, client_options=options)

    @contextmanager
    def _errors_explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except PreconditionFailed:
            raise ManualActionRequired(
                f"cannot {what}: somebody else wrote it a moment ago; look who, then repeat this"
            ) from None
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"cannot {what}: {error_message(error)}; docs/composer.md lists what the "
                "deployer needs"
            ) from None
