"""The bucket of an environment, through Google's client of Cloud Storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core.exceptions import GoogleAPIError, PreconditionFailed
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from deploy.clients import storage_client
from deploy.plan import Delete, Object, Upload, md5_of
from titleholder.errors import EnvironmentConfigError, ManualActionRequired
from titleholder.gcp.errors import error_message

# Every object of a deployment has one of these prefixes.
PREFIXES = ("dags/", "plugins/titleholder", "data/titleholder/")
DIGEST_METADATA = "titleholder-md5"
RELEASE_METADATA = "titleholder-release"
OWNER_METADATA = "titleholder-owner"
_SECONDS = 60.0


@dataclass(frozen=True)
class Bucket:
    """The bucket `name`, without gs://.

    Raises EnvironmentConfigError when Google refuses a call, and ManualActionRequired when another
    process writes the same object; repeating is always safe.
    """

    name: str
    project: str
    credentials: Any

    def objects(self) -> dict[str, Object]:
        """The objects with one of PREFIXES, by name."""
        found: dict[str, Object] = {}
        for prefix in PREFIXES:
            with self._translated_errors(f"list gs://{self.name}/{prefix}"):
                for blob in self._client.list_blobs(self.name, prefix=prefix, timeout=_SECONDS):
                    metadata = blob.metadata or {}
                    found[blob.name] = Object(
                        # A composite object has none.
                        blob.md5_hash or "",
                        blob.generation,
                        blob.time_created,
                        metadata.get(DIGEST_METADATA, ""),
                        metadata.get(RELEASE_METADATA, ""),
                        metadata.get(OWNER_METADATA, ""),
                    )
        return found

    def upload(self, step: Upload, release: str, owner: str) -> None:
        """Write one object with that release and owner, if the object that it replaces has not
        changed since it was listed."""
        blob = self._client.bucket(self.name).blob(step.name)
        blob.metadata = {
            DIGEST_METADATA: md5_of(step.content),
            RELEASE_METADATA: release,
            OWNER_METADATA: owner,
        }
        with self._translated_errors(f"write gs://{self.name}/{step.name}"):
            # The condition on the generation makes a retry safe.
            blob.upload_from_string(
                step.content,
                content_type="text/plain; charset=utf-8",
                if_generation_match=step.generation,
                checksum="md5",
                timeout=_SECONDS,
                retry=DEFAULT_RETRY,
            )

    def delete(self, step: Delete) -> None:
        """Delete one object, if it has not changed since it was listed."""
        blob = self._client.bucket(self.name).blob(step.name)
        with self._translated_errors(f"delete gs://{self.name}/{step.name}"):
            blob.delete(if_generation_match=step.generation, timeout=_SECONDS, retry=DEFAULT_RETRY)

    @cached_property
    def _client(self) -> Client:
        return storage_client(self.project, self.credentials)

    @contextmanager
    def _translated_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except PreconditionFailed:
            raise ManualActionRequired(
                f"cannot {action}: another process has just written it; find out which, then "
                "repeat this"
            ) from None
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"cannot {action}: {error_message(error)}; docs/how-to/composer.md "
                "lists the deployer's permissions"
            ) from None
