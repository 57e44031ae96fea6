"""The SQL of the events table, and the jobs that run it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from titleholder.events.event import Event
from titleholder.events.rows import COLUMNS, to_row
from titleholder.gcp.bigquery.query_job import call_options, reattach, run

if TYPE_CHECKING:
    from google.cloud import bigquery

# A query parameter's type, and its value; a list is an array of that type.
QueryParameter = tuple[str, Any]

# The most by which the times of two rows of one event differ: a reconstructed one may come days
# later. It limits the partitions that a statement reads.
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
    """Statements on `table` (project.dataset.table) in `location`. Values are always query
    parameters.

    Every method raises google.api_core's GoogleAPIError, or concurrent.futures.TimeoutError after
    `timeout_seconds`.
    """

    client: "bigquery.Client"
    table: str
    location: str
    max_bytes: int
    timeout_seconds: float

    @property
    def call_options(self) -> dict[str, Any]:
        """`retry` and `timeout` of a call."""
        return call_options(self.timeout_seconds)

    def run(self, query: str, config: "bigquery.QueryJobConfig", job_id: str | None = None) -> None:
        """Run one job, which ends by itself after `timeout_seconds`: it must not change the table
        hours after its caller has given up."""
        job = {"job_id": job_id, "location": self.location}
        run(self.client, query, config, self.timeout_seconds, **job)

    def merge(self, event: Event, job_id: str) -> None:
        """Insert the event unless there is a row of its id, or replace a reconstructed row, in the
        job `job_id`. Raises JobIdTaken if there was a job of that id before."""
        row = to_row(event)
        config = self._config(
            {column.name: (column.type, row[column.name]) for column in COLUMNS}
            | {
                "earliest": ("TIMESTAMP", event.time - MAX_TIME_DIFFERENCE),
                "latest": ("TIMESTAMP", event.time + MAX_TIME_DIFFERENCE),
            }
        )
        self.run(_MERGE.format(table=self.table), config, job_id)

    def wait_for_job(self, job_id: str) -> bool | None:
        """Wait for the end of a job: True when it succeeded, False when it failed and so changed
        nothing; None when it is another account's, which may not be read."""
        from google.api_core.exceptions import Forbidden

        try:
            return reattach(self.client, job_id, self.location, self.timeout_seconds) is not None
        except Forbidden:
            return None

    def select(self, columns: str, condition: str, **parameters: QueryParameter) -> Iterable[Any]:
        """Rows that meet the condition, with these columns, in any order."""
        config = self._config(parameters)
        config.job_timeout_ms = int(self.timeout_seconds * 1000)
        # One call where `run` takes two; it cancels a job that takes too long.
        return self.client.query_and_wait(
            f"SELECT {columns} FROM `{self.table}` WHERE {condition}",
            job_config=config,
            location=self.location,
            retry=self.call_options["retry"],
            # By default failed jobs are retried for forty minutes.
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
