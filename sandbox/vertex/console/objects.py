"""Objects of the sandbox's Cloud Storage, as a browser shows them."""

from typing import Final

from google.api_core.exceptions import GoogleAPIError
from google.api_core.exceptions import NotFound as NoObject

from sandbox.vertex.http.errors import FailedPrecondition, NotFound
from sandbox.vertex.prediction.clients import NO_RETRY, storage_client

_HTML: Final = (b"<!doctype html", b"<html")


class Objects:
    """Reads objects from the base URL `storage_host`."""

    def __init__(self, storage_host: str, project: str) -> None:
        self._client = storage_client(storage_host, project)

    def read(self, bucket: str, name: str) -> tuple[bytes, str]:
        """The content of the object and its media type: HTML, plain text or bytes.

        Raises NotFound, and FailedPrecondition if Cloud Storage fails.
        """
        try:
            content = self._client.bucket(bucket).blob(name).download_as_bytes(retry=NO_RETRY)
        except NoObject:
            raise NotFound(f"gs://{bucket}/{name} does not exist.") from None
        except (GoogleAPIError, OSError) as error:
            raise FailedPrecondition(f"gs://{bucket}/{name} cannot be read: {error!r}.") from error
        return content, _media_type(content)


def _media_type(content: bytes) -> str:
    """Artifacts are stored without a type."""
    if content.lstrip()[:20].lower().startswith(_HTML):
        return "text/html; charset=utf-8"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8"
