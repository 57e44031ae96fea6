"""Tables of logged predictions in the sandbox's BigQuery."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from google.api_core.exceptions import NotFound

from sandbox.vertex.http.guards import require_loopback
from sandbox.vertex.prediction.clients import NO_RETRY, bigquery_client
from sandbox.vertex.prediction.destination import Destination

SCHEMA: Final = (
    ("endpoint", "STRING"),
    ("deployed_model_id", "STRING"),
    ("logging_time", "TIMESTAMP"),
    ("request_id", "NUMERIC"),
    ("request_payload", "STRING", "REPEATED"),
    ("response_payload", "STRING", "REPEATED"),
)
"""https://cloud.google.com/vertex-ai/docs/predictions/online-prediction-logging"""

# The stop of the server waits for a request that is under way.
_SECONDS: Final = 3


class Tables:
    """Appends rows by `tabledata.insertAll`: the emulator's load jobs do not accept JSON."""

    def __init__(self, bigquery_host: str, project: str) -> None:
        """Raises ValueError unless `bigquery_host` is http:// on a loopback address."""
        self._host = require_loopback(
            "BIGQUERY_EMULATOR_HOST", bigquery_host, "predictions stay on this machine"
        )
        self._project = project

    @cached_property
    def _client(self) -> Any:
        return bigquery_client(self._host, self._project)

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
        if "_client" in vars(self):
            self._client.close()

    def _insert(self, destination: Destination, rows: Sequence[dict[str, Any]]) -> Any:
        return self._client.insert_rows_json(
            f"{destination.dataset}.{destination.table}",
            rows,
            row_ids=[row["request_id"] for row in rows],
            retry=NO_RETRY,
            timeout=_SECONDS,
        )

    def _create(self, destination: Destination) -> None:
        from google.cloud.bigquery import SchemaField, Table

        if destination.creates_dataset:
            self._client.create_dataset(
                destination.dataset, exists_ok=True, retry=NO_RETRY, timeout=_SECONDS
            )
        schema = [SchemaField(*field) for field in SCHEMA]
        table = Table(f"{destination.dataset}.{destination.table}", schema)
        self._client.create_table(table, exists_ok=True, retry=NO_RETRY, timeout=_SECONDS)
