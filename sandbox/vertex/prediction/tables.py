"""Logged predictions as rows in the sandbox's BigQuery."""

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

# The server's end waits for what is being written: not for long.
_SECONDS: Final = 3
_ONCE: Final[Any] = None


class Tables:
    """Appends by `tabledata.insertAll`: load jobs of the emulator refuse rows as JSON."""

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
        """Add those rows, to a new table when it is missing.

        Raises ValueError when the table does not take them, and whatever BigQuery answers.
        """
        try:
            refusals = self._insert(destination, rows)
        except NotFound:
            self._create(destination)
            refusals = self._insert(destination, rows)
        if refusals:
            raise ValueError(f"the table refused {len(refusals)} rows, the first for {refusals[0]}")

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _insert(self, destination: Destination, rows: Sequence[dict[str, Any]]) -> Any:
        return self._client.insert_rows_json(
            f"{destination.dataset}.{destination.table}",
            rows,
            row_ids=[row["request_id"] for row in rows],
            retry=_ONCE,
            timeout=_SECONDS,
        )

    def _create(self, destination: Destination) -> None:
        if destination.makes_dataset:
            self._client.create_dataset(
                destination.dataset, exists_ok=True, retry=_ONCE, timeout=_SECONDS
            )
        table = Table(f"{destination.dataset}.{destination.table}", SCHEMA)
        self._client.create_table(table, exists_ok=True, retry=_ONCE, timeout=_SECONDS)
