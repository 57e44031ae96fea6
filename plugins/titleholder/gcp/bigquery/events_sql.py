"""The SQL of the events table, and the jobs that run it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from titleholder.events.event import Event
from titleholder.events.rows import COLUMNS, to_row
from titleholder.gcp.bigquery.query_job import limits, reattach, run

if TYPE_CHECKING:
    from google.cloud import bigquery

# A query parameter's type, and its value; a list is an array of that type.
QueryParameter = tuple[str, Any]

# How far apart two tellings of one event may put it: one from the endpoint's labels can come days
# later. It keeps the statement from reading every day that there is.
MAX_TIME_DIFFERENCE = timedelta(days=31)

_NAMES = [f"`{column.name}`" for column in COLUMNS]
_MERGE = f"""
    MERGE `{{table}}` AS T
    USING (SELECT {", ".join(f"@{column.name} AS `{column.name}`" for column in COLUMNS)}) AS S
    ON T.id = S.id AND T.time BETWEEN @earliest AND @latest
    WHEN MATCHED AND T.reconstructed AND NOT S.reconstructed THEN
      UPDATE SET {", ".join(f"{name} = S.{name}" for name in _NAMES)}
    WHEN NOT MATCHED THEN
      INSERT ({", ".join(_NAMES)}) VALUES ({", ".join(f"S.{name}" for name in _NAMES)})
"""


@dataclass(frozen=True)
class Statements:
    """About `table` (project.dataset.table) in `location`. No value is ever part of the SQL.

    Everything here raises google.api_core's GoogleAPIError, or concurrent.futures.TimeoutError
    when `patience` seconds were not enough.
    """

    client: "bigquery.Client"
    table: str
    location: str
    max_bytes: int
    timeout_seconds: float

    @property
    def limits(self) -> dict[str, Any]:
        """`retry` and `timeout` of a call."""
        return limits(self.timeout_seconds)

    def run(self, query: str, config: "bigquery.QueryJobConfig", job_id: str | None = None) -> None:
        """One job, which ends itself when `patience` is over: what was given up on must not change
        the table hours later."""
        run(
            *(self.client, query, config, self.timeout_seconds),
            job_id=job_id,
            location=self.location,
        )

    def merge(self, event: Event, job_id: str) -> None:
        """Insert the event unless its id is there, or put it in place of a reconstructed row. One
        job of that id. JobIdTaken: there was one before."""
        row = to_row(event)
        config = self._config(
            {column.name: (column.type, row[column.name]) for column in COLUMNS}
            | {
                "earliest": ("TIMESTAMP", event.time - MAX_TIME_DIFFERENCE),
                "latest": ("TIMESTAMP", event.time + MAX_TIME_DIFFERENCE),
            }
        )
        self.run(_MERGE.format(table=self.table), config, job_id)

    def outcome(self, job_id: str) -> bool | None:
        """Wait for the end of a job: True when it did its work, False when it failed and so
        changed nothing; None when it is another account's, which may not be looked at."""
        from google.api_core.exceptions import Forbidden

        try:
            return reattach(self.client, job_id, self.location, self.timeout_seconds) is not None
        except Forbidden:
            return None

    def select(self, columns: str, condition: str, **parameters: QueryParameter) -> Iterable[Any]:
        """Rows of these columns that meet the condition, in any order."""
        config = self._config(parameters)
        config.job_timeout_ms = int(self.timeout_seconds * 1000)
        # One call where `run` takes two; it cancels by itself what it gives up on.
        return self.client.query_and_wait(
            f"SELECT {columns} FROM `{self.table}` WHERE {condition}",
            job_config=config,
            location=self.location,
            retry=self.limits["retry"],
            # Jobs are tried again for forty minutes otherwise.
            job_retry=None,  # type: ignore[arg-type]
            api_timeout=self.timeout_seconds,
            wait_timeout=self.timeout_seconds,
        )

    def _config(self, parameters: Mapping[str, QueryParameter]) -> "bigquery.QueryJobConfig":
        from google.cloud import bigquery

        return bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ArrayQueryParameter(name, kind, value)
                if isinstance(value, list)
                else bigquery.ScalarQueryParameter(name, kind, value)
                for name, (kind, value) in parameters.items()
            ],
            maximum_bytes_billed=self.max_bytes,
            labels={"tool": "titleholder"},
        )
