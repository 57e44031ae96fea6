"""What BigQuery says of a source: its metadata, and how its rows cover an interval."""

import hashlib
from collections.abc import Collection
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from titleholder.freshness import Coverage, Metadata
from titleholder.gcp.bigquery.client import ErrorKind, bigquery_client, classify_error, error_text
from titleholder.gcp.bigquery.query_job import limits, once, run
from titleholder.gcp.environment import Environment
from titleholder.intervals import Interval
from titleholder.pipelines.fingerprint import TableContent

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery

# A worker's slot is held meanwhile.
PATIENCE = 300.0


class Unreadable(Exception):
    """BigQuery did not tell; `final` when asking again would give the same answer."""

    def __init__(self, sentence: str, *, final: bool) -> None:
        super().__init__(sentence)
        self.final = final


@dataclass(frozen=True)
class SourceTables:
    """Reads tables with the credentials of one environment, and waits at most `patience` seconds
    for a call or query: what takes longer, as in a long queue, is cancelled, and Unreadable.

    The same query of a table that did not change is billed once an hour (`now` is by whose clock),
    also when a worker is lost while it runs. Of a view, or a table with a streaming buffer, nothing
    says whether it changed.
    """

    environment: Environment
    now: datetime
    patience: float = PATIENCE

    def metadata(self, table: str) -> Metadata:
        """`tables.get`, which costs nothing.

        Raises Unreadable when the table does not exist or may not be read.
        """
        found = self._table(bigquery_client(self.environment), table)
        # A view has no rows of its own, and its time of change is that of its definition.
        table_itself = found.table_type == "TABLE"
        return Metadata(
            rows=found.num_rows if table_itself else None,
            modified=found.modified if table_itself else None,
            streaming=found.streaming_buffer is not None,
        )

    def coverage(
        self, table: str, timestamp: str, interval: Interval, horizon: datetime, max_bytes: int
    ) -> Coverage:
        """One query, limited to `max_bytes` billed, over only the partitions that matter. Rows
        later than `horizon` are counted as future ones.

        `table` and `timestamp` must have been validated: they are names, which a query cannot take
        as parameters. Raises Unreadable, among others when the timestamp column is missing or not
        a timestamp.
        """
        column = f"`{timestamp}`"
        inside = f"{column} >= @start AND {column} < @end"
        query = f"""
            SELECT
              COUNTIF({inside}) AS inside,
              MAX(IF({inside}, {column}, NULL)) AS last,
              COUNTIF({column} >= @end AND {column} < @later AND {column} <= @horizon) AS later,
              COUNTIF({column} IS NULL) AS nulls,
              COUNTIF({column} > @horizon) AS future
            FROM `{table}`
            WHERE ({column} >= @start AND {column} < @later)
               OR {column} IS NULL
               OR {column} > @horizon
        """
        row = self._query(
            *(query, table, timestamp, max_bytes),
            start=interval.start,
            end=interval.end,
            later=interval.end + interval.length,
            horizon=horizon,
            # In an unchanged table, rows that lay beyond it still do, or there were none.
            moving=("horizon",),
        )
        return Coverage(
            rows=row["inside"],
            last=row["last"],
            later=row["later"],
            nulls=row["nulls"],
            future=row["future"],
        )

    def content(
        self, table: str, timestamp: str, interval: Interval, max_bytes: int
    ) -> TableContent:
        """The rows of the interval, all their columns, digested in one query that bills the
        partitions it reads, at most `max_bytes`. Raises Unreadable, as coverage does."""
        column = f"`{timestamp}`"
        # The XOR alone would not tell a row that is there twice from one that is not there; the
        # remainders, and so their sum, stay far from what an INT64 holds.
        query = f"""
            SELECT
              COUNT(*) AS inside,
              MAX(moment) AS newest,
              BIT_XOR(hashed) AS mixed,
              SUM(MOD(hashed, 1000000007)) AS summed
            FROM (
              SELECT
                {column} AS moment,
                FARM_FINGERPRINT(TO_JSON_STRING(titleholder_row)) AS hashed
              FROM `{table}` AS titleholder_row
              WHERE {column} >= @start AND {column} < @end
            )
        """
        row = self._query(
            *(query, table, timestamp, max_bytes), start=interval.start, end=interval.end
        )
        return TableContent(row["inside"], row["newest"], row["mixed"] or 0, row["summed"] or 0)

    def _query(
        self,
        query: str,
        table: str,
        timestamp: str,
        max_bytes: int,
        moving: Collection[str] = (),
        **parameters: datetime,
    ) -> Any:
        """The one row that the query has; `moving` parameters make no other question of it. Raises
        Unreadable."""
        from google.api_core.exceptions import GoogleAPIError
        from google.cloud import bigquery

        def config() -> bigquery.QueryJobConfig:
            return bigquery.QueryJobConfig(
                maximum_bytes_billed=max_bytes,
                query_parameters=[
                    bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
                    for name, value in parameters.items()
                ],
                labels={"tool": "titleholder"},
            )

        client = bigquery_client(self.environment)
        found = self._table(client, table)
        fixed = {name: value for name, value in parameters.items() if name not in moving}
        try:
            if found.table_type == "TABLE" and found.streaming_buffer is None:
                state = f"{found.created} {found.modified} {found.num_rows} {self.now:%Y-%m-%dT%H}"
                asked = f"{query} {sorted(fixed.items())} {max_bytes} {state}"
                job_id = f"titleholder-source-{hashlib.sha256(asked.encode()).hexdigest()[:32]}"
                place = {"job_id": job_id, "location": found.location}
                (row,) = once(client, query, config, self.patience, **place)
            else:
                (row,) = run(client, query, config(), self.patience)
        except Late:
            raise self._late(table) from None
        except GoogleAPIError as error:
            raise _query_error(table, timestamp, error) from None
        return row

    def _table(self, client: "bigquery.Client", table: str) -> "bigquery.Table":
        from google.api_core.exceptions import GoogleAPIError, NotFound

        try:
            return client.get_table(table, **limits(self.patience))
        except NotFound:
            raise Unreadable(
                f"the table {table} does not exist; create and load it, or mend source.table in "
                "the model's YAML file",
                final=True,
            ) from None
        except GoogleAPIError as error:
            raise _query_error(table, "", error) from None

    def _late(self, table: str) -> Unreadable:
        return Unreadable(
            f"BigQuery did not finish a query of {table} within {self.patience:g} s, and it was "
            "cancelled; repeat this when fewer queries of the project run or queue",
            final=False,
        )


def _query_error(table: str, timestamp: str, error: "GoogleAPIError") -> Unreadable:
    fault, why = classify_error(error), error_text(error)
    if fault is ErrorKind.TOO_MANY_BYTES:
        return Unreadable(
            f"reading {table} would bill more than source.freshness.max_bytes ({why}); partition "
            f"the table by {timestamp}, or raise max_bytes in the model's YAML file",
            final=True,
        )
    if fault is ErrorKind.DENIED:
        return Unreadable(
            f"{table} may not be read ({why}); grant the Airflow connection's account "
            "roles/bigquery.dataViewer on it and roles/bigquery.jobUser on its project",
            final=True,
        )
    if timestamp and fault is ErrorKind.INVALID:
        return Unreadable(
            f"{table}.{timestamp} cannot be read as a TIMESTAMP ({why}); mend source.timestamp in "
            "the model's YAML file, or the table",
            final=True,
        )
    return Unreadable(f"{table} cannot be read now ({why})", final=False)
