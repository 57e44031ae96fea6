"""Google's clients of the sandbox's Cloud Storage and BigQuery."""

from typing import Any, Final

from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from sandbox.vertex.http.guards import require_loopback

NO_RETRY: Final[Any] = None
"""For calls of services on this machine: what fails once fails again."""


def storage_client(storage_host: str, project: str) -> Client:
    """A client of the Cloud Storage at that base URL; raises ValueError unless it is http:// on a
    loopback address."""
    return Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={
            "api_endpoint": require_loopback(
                "STORAGE_EMULATOR_HOST", storage_host, "models are loaded only from there"
            )
        },
    )


def bigquery_client(bigquery_host: str, project: str) -> Any:
    """A client of the BigQuery at that base URL, on loopback."""
    # Imported when it is needed first: it imports pandas, which takes long.
    from google.cloud import bigquery

    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": bigquery_host},
    )
