"""Reads a source table in BigQuery: metadata, coverage of an interval, and content digests."""

import hashlib
from collections.abc import Collection
from concurrent.futures import TimeoutError as JobTimeout
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from titleholder.analysis.sequential.assumptions import TargetStats
from titleholder.data_intervals import Interval
from titleholder.freshness import Coverage, Metadata
from titleholder.gcp.bigquery.client import Unreadable, bigquery_client, read_error
from titleholder.gcp.bigquery.query_job import call_options, run, run_once
from titleholder.gcp.environment import Environment
from titleholder.pipelines.fingerprint import TableContent

if TYPE_CHECKING:
    from google.cloud import bigquery

# A query occupies a worker's slot.
TIMEOUT_SECONDS = 300.0
LIMIT = "source.freshness.max_bytes"
# The loss of a prediction of the mean label, where it has one.
_LOSS_OF_MEAN = {"absolute": "ABS(label - mean)", "squared": "POW(label - mean, 2)"}


@dataclass(frozen=True)
class SourceTables:
    """Reads tables with the credentials of one environment. A call or query that takes longer than
    `timeout_seconds`, for example in a long queue, is cancelled and raises Unreadable.

    The same query of an unchanged table is billed once per hour of `now`, also when a worker is
    lost while it runs. This excludes views and tables with a streaming buffer, whose changes cannot
    be detected.
    """

    environment: Environment
    now: datetime
    timeout_seconds: float = TIMEOUT_SECONDS

    def metadata(self, table: str) -> Metadata:
        """The metadata of `tables.get`, which is free of charge.

        Raises Unreadable when the table does not exist or may not be read.
        """
        metadata = self._table(bigquery_client(self.environment), table)
        # A view has no row count, and its time of change is that of its definition.
        is_table = metadata.table_type == "TABLE"
        return Metadata(
            rows=metadata.num_rows if is_table else None,
            modified=metadata.modified if is_table else None,
            streaming=metadata.streaming_buffer is not None,
            columns=tuple((column.name, column.field_type) for column in metadata.schema),
        )

    def coverage(
        self, table: str, timestamp: str, interval: Interval, horizon: datetime, max_bytes: int
    ) -> Coverage:
        """The coverage by one query over the partitions needed, which may bill `max_bytes`. Rows
        later than `horizon` are counted as future ones.

        `table` and `timestamp` must have been validated: names cannot be query parameters. Raises
        Unreadable, among others when the timestamp column is missing or of another type.
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
            # In an unchanged table, the rows beyond the horizon remain beyond it within the hour.
            excluded_from_key=("horizon",),
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
        """A digest of the rows of the interval with all columns, by one query, which may bill
        `max_bytes`. Raises Unreadable, as `coverage` does."""
        column = f"`{timestamp}`"
        # The XOR alone does not distinguish a duplicated row from a missing one; the remainders
        # keep the sum within an INT64.
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

    def target(
        self,
        table: str,
        timestamp: str,
        interval: Interval,
        max_bytes: int,
        column: str,
        loss: str,
        cluster_column: str = "",
    ) -> TargetStats:
        """The labels of the interval in that column, by one query, which may bill `max_bytes`; NaN
        and infinities are no labels. `loss` is one of `duel.loss`; "" is no cluster column.

        The names must have been validated. Raises Unreadable, as `coverage` does.
        """
        is_number = loss in _LOSS_OF_MEAN
        kind = "FLOAT64" if is_number else "STRING"
        units = (
            "COUNT(DISTINCT IF(label IS NULL, NULL, unit))" if cluster_column else "COUNT(label)"
        )
        variance, center = "CAST(NULL AS FLOAT64)", ""
        if is_number:
            variance = f"VAR_SAMP({_LOSS_OF_MEAN[loss]})"
            # As a window function, the mean would be computed by a single worker.
            center = "CROSS JOIN (SELECT AVG(label) AS mean FROM labels)"
        query = f"""
            WITH labels AS (
              SELECT
                moment,
                unit,
                IF(LOWER(written) IN ('nan', 'inf', '-inf'), NULL, label) AS label
              FROM (
                SELECT
                  `{timestamp}` AS moment,
                  `{cluster_column or timestamp}` AS unit,
                  CAST(`{column}` AS {kind}) AS label,
                  CAST(`{column}` AS STRING) AS written
                FROM `{table}`
                WHERE `{timestamp}` >= @start AND `{timestamp}` < @end
              )
            )
            SELECT
              COUNT(*) AS inside,
              {units} AS units,
              MIN(moment) AS first,
              MIN(label) = MAX(label) AS constant,
              {variance} AS variance
            FROM labels {center}
        """
        invalid = (
            f"{table}.{column} cannot be read as {'numbers' if is_number else 'labels'} by "
            f"{timestamp}",
            "correct duel.target or source.timestamp in the model's YAML file, or the table",
        )
        row = self._query(
            *(query, table, timestamp, max_bytes),
            invalid=invalid,
            start=interval.start,
            end=interval.end,
        )
        return TargetStats(
            row["inside"],
            row["units"],
            row["first"],
            bool(row["constant"]),
            row["variance"],
        )

    def _query(
        self,
        query: str,
        table: str,
        timestamp: str,
        max_bytes: int,
        excluded_from_key: Collection[str] = (),
        invalid: tuple[str, str] | None = None,
        **parameters: datetime,
    ) -> Any:
        """The single row of the query's result. Parameters in `excluded_from_key` do not
        distinguish two queries for billing; `invalid` as in client.read_error. Raises Unreadable.
        """
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
        metadata = self._table(client, table)
        fixed = {k: value for k, value in parameters.items() if k not in excluded_from_key}
        try:
            if metadata.table_type == "TABLE" and metadata.streaming_buffer is None:
                state = f"{metadata.created} {metadata.modified} {metadata.num_rows}"
                hour = f"{self.now:%Y-%m-%dT%H}"
                key = f"{query} {sorted(fixed.items())} {max_bytes} {state} {hour}"
                job_id = f"titleholder-source-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
                job = {"job_id": job_id, "location": metadata.location}
                (row,) = run_once(client, query, config, self.timeout_seconds, **job)
            else:
                (row,) = run(client, query, config(), self.timeout_seconds)
        except JobTimeout:
            raise Unreadable(
                f"BigQuery did not finish a query of {table} within {self.timeout_seconds:g} s, "
                "and it was cancelled; repeat this when fewer queries of the project run or queue",
                final=False,
            ) from None
        except GoogleAPIError as error:
            invalid = invalid or (
                f"{table}.{timestamp} cannot be read as a TIMESTAMP",
                "correct source.timestamp in the model's YAML file, or the table",
            )
            raise read_error(table, error, LIMIT, timestamp, invalid) from None
        return row

    def _table(self, client: "bigquery.Client", table: str) -> "bigquery.Table":
        from google.api_core.exceptions import GoogleAPIError, NotFound

        try:
            return client.get_table(table, **call_options(self.timeout_seconds))
        except NotFound:
            raise Unreadable(
                f"the table {table} does not exist; create and load it, or correct source.table "
                "in the model's YAML file",
                final=True,
            ) from None
        except GoogleAPIError as error:
            raise read_error(table, error, LIMIT, "") from None
