"""Tables of logged predictions in the sandbox's BigQuery."""

from collections.abc import Sequence
from typing import Any, Final

from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client, SchemaField, Table

from sandbox.vertex.http.guards import require_loopback
from sandbox.vertex.prediction.destination import Destination

SCHEMA: Final = (
    SchemaField("endpoint", "STRING"),
    SchemaField("deployed_model_id", "STRING"),
    SchemaField("logging_time", "TIMESTAMP"),
    SchemaField("request_id", "NUMERIC"),
    SchemaField("request_payload", "STRING", "REPEATED"),
    SchemaField("response_payload", "STRING", "REPEATED"),
)
"""https://cloud.google.com/vertex-ai/docs/predictions/online-prediction-logging"""

# The stop of the server waits for a request that is under way.
_SECONDS: Final = 3
_NO_RETRY: Final[Any] = None


class Tables:
    """Appends rows by `tabledata.insertAll`: the emulator's load jobs do not accept JSON."""

    def __init__(self, bigquery_host: str, project: str) -> None:
        """Raises ValueError unless `bigquery_host` is http:// on a loopback address."""
        self._client = Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={
                "api_endpoint": require_loopback(
                    "BIGQUERY_EMULATOR_HOST", bigquery_host, "predictions stay on this machine"
                )
            },
        )

    def append(self, destination: Destination, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows, and create the table if it is missing.

        Raises ValueError if the table refuses rows, and any exception of the client.
        """
        try:
            errors = self._insert(destination, rows)
        except NotFound:
            self._create(destination)
            errors = self._insert(destination, rows)
        if errors:
            raise ValueError(f"the table refused {len(errors)} rows, the first for {errors[0]}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _insert(self, destination: Destination, rows: Sequence[dict[str, Any]]) -> Any:
        return self._client.insert_rows_json(
            f"{destination.dataset}.{destination.table}",
            rows,
            row_ids=[row["request_id"] for row in rows],
            retry=_NO_RETRY,
            timeout=_SECONDS,
        )

    def _create(self, destination: Destination) -> None:
        if destination.creates_dataset:
            self._client.create_dataset(
                destination.dataset, exists_ok=True, retry=_NO_RETRY, timeout=_SECONDS
            )
        table = Table(f"{destination.dataset}.{destination.table}", SCHEMA)
        self._client.create_table(table, exists_ok=True, retry=_NO_RETRY, timeout=_SECONDS)
