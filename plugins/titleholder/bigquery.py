"""The only file that asks BigQuery: a table's metadata, and how its rows cover an interval."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from titleholder.environment import Environment
from titleholder.freshness import Coverage, Metadata
from titleholder.interval import Interval

if TYPE_CHECKING:
    from google.cloud import bigquery


class Unreadable(Exception):
    """BigQuery did not tell; `final` when asking again would give the same answer."""

    def __init__(self, sentence: str, *, final: bool) -> None:
        super().__init__(sentence)
        self.final = final


@dataclass(frozen=True)
class Tables:
    """Reads tables with the credentials of one environment."""

    environment: Environment

    def metadata(self, table: str) -> Metadata:
        """`tables.get`, which costs nothing.

        Raises Unreadable when the table does not exist or may not be read.
        """
        from google.api_core import exceptions

        try:
            found = self._client().get_table(table)
        except exceptions.NotFound:
            raise Unreadable(
                f"the table {table} does not exist; create and load it, or mend source.table in "
                "the model's YAML file",
                final=True,
            ) from None
        except exceptions.GoogleAPICallError as error:
            raise _unreadable(table, error) from None
        return Metadata(
            rows=found.num_rows if found.table_type == "TABLE" else None,
            modified=found.modified,
            streaming=found.streaming_buffer is not None,
        )

    def coverage(
        self, table: str, timestamp: str, interval: Interval, now: datetime, max_bytes: int
    ) -> Coverage:
        """One query, limited to `max_bytes` billed, over only the partitions that matter.

        `table` and `timestamp` must have been validated: they are names, which a query cannot take
        as parameters. Raises Unreadable, among others when the timestamp column is missing or not
        a timestamp.
        """
        from google.api_core import exceptions
        from google.cloud import bigquery

        column = f"`{timestamp}`"
        inside = f"{column} >= @start AND {column} < @end"
        query = f"""
            SELECT
              COUNTIF({inside}) AS inside,
              MAX(IF({inside}, {column}, NULL)) AS last,
              COUNTIF({column} >= @end AND {column} < @later AND {column} <= @now) AS later,
              COUNTIF({column} IS NULL) AS nulls,
              COUNTIF({column} > @now) AS future
            FROM `{table}`
            WHERE ({column} >= @start AND {column} < @later)
               OR {column} IS NULL
               OR {column} > @now
        """
        parameters = {
            "start": interval.start,
            "end": interval.end,
            "later": interval.end + interval.length,
            "now": now,
        }
        config = bigquery.QueryJobConfig(
            maximum_bytes_billed=max_bytes,
            query_parameters=[
                bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
                for name, value in parameters.items()
            ],
            labels={"tool": "titleholder"},
        )
        try:
            (row,) = self._client().query(query, job_config=config).result()
        except exceptions.BadRequest as error:
            raise Unreadable(
                f"{table}.{timestamp} cannot be read as a TIMESTAMP ({_first_line(error)}); mend "
                "source.timestamp in the model's YAML file, or the table",
                final=True,
            ) from None
        except exceptions.GoogleAPICallError as error:
            raise _unreadable(table, error) from None
        return Coverage(
            rows=row["inside"],
            last=row["last"],
            later=row["later"],
            nulls=row["nulls"],
            future=row["future"],
        )

    def _client(self) -> "bigquery.Client":
        from google.cloud import bigquery

        return bigquery.Client(
            project=self.environment.project, credentials=self.environment.credentials
        )


def _unreadable(table: str, error: Exception) -> Unreadable:
    return Unreadable(f"{table} cannot be read now ({_first_line(error)})", final=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
