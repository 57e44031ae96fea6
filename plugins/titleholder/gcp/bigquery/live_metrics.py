"""Metrics of live traffic from BigQuery: requests, errors and latency of each deployed model."""

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as JobTimeout
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from titleholder.analysis.guardrails import SETTLING_TIME, LiveObservations
from titleholder.analysis.limits import ArmMetrics
from titleholder.config.guardrails import Guardrails, Metrics
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.bigquery.client import Unreadable, bigquery_client, read_error
from titleholder.gcp.bigquery.query_job import run
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message, is_transient
from titleholder.rollout.view import View

TIMEOUT_SECONDS = 60.0
_SPLIT, _METRICS = "rollout.guardrails.traffic_split_check", "rollout.guardrails.metrics.table"


@dataclass(frozen=True)
class LiveMetrics:
    """The metrics of one endpoint's live traffic that `guardrails` need."""

    environment: Environment
    guardrails: Guardrails

    def read(
        self, view: View, models: Iterable[str], since: datetime, now: datetime
    ) -> LiveObservations:
        """The metrics of these deployed models since the split was set at `since`, with one query
        per table. Tables that cannot be read are listed in `unreadable`."""
        span = _TimeSpan(view, sorted(models), since + SETTLING_TIME, now)
        requests, arms, unreadable = None, None, []
        metrics = self.guardrails.metrics
        if self.guardrails.traffic_split_check:
            try:
                requests = self._requests(span)
            except Unreadable as error:
                unreadable.append(str(error))
        if metrics is not None:
            start = max(span.start, now - metrics.window)
            try:
                arms = self._arms(metrics, replace(span, start=start))
            except Unreadable as error:
                unreadable.append(str(error))
        return LiveObservations(requests, arms, tuple(unreadable))

    def _requests(self, span: "_TimeSpan") -> dict[str, float]:
        if not span.view.request_log:
            raise Unreadable(
                f"{span.view.endpoint} does not log its requests, so they cannot be counted; turn "
                f"its request-response logging to BigQuery on, or set {_SPLIT} to false",
                final=True,
            )
        try:
            # The name becomes part of a query, and anyone who may change the endpoint can set it.
            table = self.environment.qualified(span.view.request_log)
        except EnvironmentConfigError as error:
            raise Unreadable(
                f"the requests that {span.view.endpoint} logs are not read: {error}, in its "
                f"request-response logging, or set {_SPLIT} to false",
                final=True,
            ) from None
        rows = self._query(_SPLIT, table, "COUNT(*) AS requests", "logging_time", span)
        return {model: rows[model]["requests"] if model in rows else 0 for model in span.models}

    def _arms(self, metrics: Metrics, span: "_TimeSpan") -> dict[str, ArmMetrics]:
        columns = ["SUM(requests) AS requests"]
        if metrics.on_errors:
            columns.append("SUM(errors) AS errors")
        if metrics.on_latency:
            # Percentiles of parts do not add up to one of the whole: their mean by requests.
            columns.append(
                "SUM(latency_ms * requests) / "
                "NULLIF(SUM(IF(latency_ms IS NULL, 0, requests)), 0) AS latency"
            )
        table = self.environment.qualified(metrics.table)
        rows = self._query(_METRICS, table, ", ".join(columns), "time", span)
        return {model: _arm(rows.get(model, {})) for model in span.models}

    def _query(
        self, key: str, table: str, columns: str, time: str, span: "_TimeSpan"
    ) -> dict[str, dict[str, Any]]:
        """One row for each model with rows in the table."""
        from google.api_core.exceptions import GoogleAPIError, NotFound
        from google.cloud import bigquery

        # Endpoints may share a table and deployed model ids. A log has the endpoint's id or its
        # resource name, whose last part is the id.
        query = f"""
            SELECT CAST(deployed_model_id AS STRING) AS model, {columns}
            FROM `{table}`
            WHERE {time} >= @start AND {time} < @now
              AND REGEXP_EXTRACT(CAST(endpoint AS STRING), r'[^/]+$') = @endpoint
              AND CAST(deployed_model_id AS STRING) IN UNNEST(@models)
            GROUP BY model
        """
        endpoint = (span.view.endpoint or "").rpartition("/")[2]
        config = bigquery.QueryJobConfig(
            maximum_bytes_billed=self.guardrails.max_bytes,
            query_parameters=[
                bigquery.ScalarQueryParameter("start", "TIMESTAMP", span.start),
                bigquery.ScalarQueryParameter("now", "TIMESTAMP", span.now),
                bigquery.ScalarQueryParameter("endpoint", "STRING", endpoint),
                bigquery.ArrayQueryParameter("models", "STRING", span.models),
            ],
            labels={"tool": "titleholder"},
        )
        try:
            rows = run(bigquery_client(self.environment), query, config, TIMEOUT_SECONDS)
            return {row["model"]: dict(row) for row in rows}
        except NotFound as error:
            raise Unreadable(
                f"there is no table {table} ({error_message(error)}); it is created with the first "
                f"row that is written to it, else correct {key}",
                final=True,
            ) from None
        except Exception as error:
            if not isinstance(error, GoogleAPIError | JobTimeout) and not is_transient(error):
                raise
            invalid = (
                f"{table} lacks columns of docs/explanation/rollout.md",
                f"correct it, or {key}",
            )
            limit = "rollout.guardrails.max_bytes"
            raise read_error(table, error, limit, time, invalid) from None


@dataclass(frozen=True)
class _TimeSpan:
    """The deployed models, and the time span of their requests."""

    view: View
    models: list[str]
    start: datetime
    now: datetime


def _arm(row: Mapping[str, Any]) -> ArmMetrics:
    # No row: no request. NULL in a row: not measured.
    known = {
        name: math.nan if value is None else float(value)
        for name, value in row.items()
        if name != "model"
    }
    return ArmMetrics(**known)
