"""Reads objects of Cloud Storage."""

from typing import TYPE_CHECKING

from titleholder.gcp.loopback import STORAGE, credentials_for

if TYPE_CHECKING:
    from titleholder.gcp.environment import Environment


def read_object(environment: "Environment", uri: str) -> bytes:
    """The content of a `gs://` object. Raises GoogleAPIError, which is NotFound without one."""
    from google.cloud.storage import Blob, Client

    client = Client(project=environment.project, credentials=credentials_for(STORAGE, environment))
    return bytes(Blob.from_uri(uri, client=client).download_as_bytes())
