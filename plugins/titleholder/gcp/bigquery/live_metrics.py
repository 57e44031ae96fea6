"""What BigQuery tells of live requests: how many each deployed model answered, and how well."""

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from titleholder.analysis.guardrails import SETTLING_TIME, LiveObservations
from titleholder.analysis.limits import ArmMetrics
from titleholder.config.guardrails import Guardrails, Metrics
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.bigquery.client import ErrorKind, bigquery_client, classify_error, error_text
from titleholder.gcp.bigquery.query_job import run
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.clients import is_transient
from titleholder.rollout.view import View

TIMEOUT_SECONDS = 60.0
_SPLIT, _METRICS = "rollout.guardrails.split", "rollout.guardrails.metrics.table"


class _NotReadable(Exception):
    """What could not be read, in a sentence."""


@dataclass(frozen=True)
class LiveMetrics:
    """The live requests of one endpoint, as far as `guardrails` ask for them."""

    environment: Environment
    guardrails: Guardrails

    def read(
        self, view: View, models: Iterable[str], since: datetime, now: datetime
    ) -> LiveObservations:
        """What these deployed models answered since the split was set at `since`, in one query a
        table. Never raises for what BigQuery cannot or must not tell: that is `unread`."""
        span = _TimeSpan(view, sorted(models), since + SETTLING_TIME, now)
        requests, arms, unread = None, None, []
        metrics = self.guardrails.metrics
        if self.guardrails.traffic_split_check:
            try:
                requests = self._requests(span)
            except _NotReadable as error:
                unread.append(str(error))
        if metrics is not None:
            begun = max(span.begun, now - metrics.window)
            try:
                arms = self._arms(metrics, replace(span, begun=begun))
            except _NotReadable as error:
                unread.append(str(error))
        return LiveObservations(requests, arms, tuple(unread))

    def _requests(self, span: "_TimeSpan") -> dict[str, float]:
        if not span.view.request_log:
            raise _NotReadable(
                f"{span.view.endpoint} does not log its requests, so nobody can count them; turn "
                f"its request-response logging to BigQuery on, or set {_SPLIT} to false"
            )
        try:
            # Whoever may change the endpoint named it, and what they wrote becomes part of a query.
            table = self.environment.qualified(span.view.request_log)
        except EnvironmentConfigError as error:
            raise _NotReadable(
                f"the requests that {span.view.endpoint} logs are not read: {error}, in its "
                f"request-response logging, or set {_SPLIT} to false"
            ) from None
        rows = self._query(_SPLIT, table, "COUNT(*) AS requests", "logging_time", span)
        return {model: rows[model]["requests"] if model in rows else 0 for model in span.models}

    def _arms(self, metrics: Metrics, span: "_TimeSpan") -> dict[str, ArmMetrics]:
        limits, columns = metrics, ["SUM(requests) AS requests"]
        if limits.on_errors:
            columns.append("SUM(errors) AS errors")
        if limits.on_latency:
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
        """One row for each of the models that has any."""
        from google.api_core.exceptions import GoogleAPIError
        from google.cloud import bigquery

        # Two endpoints may have deployed models of the same id, and one table. Whether a log has
        # the endpoint's id or its resource name, the last part is the id.
        query = f"""
            SELECT CAST(deployed_model_id AS STRING) AS model, {columns}
            FROM `{table}`
            WHERE {time} >= @begun AND {time} < @now
              AND REGEXP_EXTRACT(CAST(endpoint AS STRING), r'[^/]+$') = @endpoint
              AND CAST(deployed_model_id AS STRING) IN UNNEST(@models)
            GROUP BY model
        """
        endpoint = (span.view.endpoint or "").rpartition("/")[2]
        config = bigquery.QueryJobConfig(
            maximum_bytes_billed=self.guardrails.max_bytes,
            query_parameters=[
                bigquery.ScalarQueryParameter("begun", "TIMESTAMP", span.begun),
                bigquery.ScalarQueryParameter("now", "TIMESTAMP", span.now),
                bigquery.ScalarQueryParameter("endpoint", "STRING", endpoint),
                bigquery.ArrayQueryParameter("models", "STRING", span.models),
            ],
            labels={"tool": "titleholder"},
        )
        try:
            found = run(bigquery_client(self.environment), query, config, TIMEOUT_SECONDS)
            return {row["model"]: dict(row) for row in found}
        except Exception as error:
            if not isinstance(error, GoogleAPIError | Late) and not is_transient(error):
                raise
            raise _NotReadable(_query_error(key, table, error)) from None


@dataclass(frozen=True)
class _TimeSpan:
    """Whose requests, and of which time."""

    view: View
    models: list[str]
    begun: datetime
    now: datetime


def _arm(row: Mapping[str, Any]) -> ArmMetrics:
    # No row: no request. NULL of those that there are: not measured.
    known = {
        name: math.nan if value is None else float(value)
        for name, value in row.items()
        if name != "model"
    }
    return ArmMetrics(**known)


def _query_error(key: str, table: str, error: Exception) -> str:
    from google.api_core.exceptions import GoogleAPIError, NotFound

    if not isinstance(error, GoogleAPIError):
        return f"{table} cannot be read now ({error or type(error).__name__})"
    fault, why = classify_error(error), error_text(error)
    if isinstance(error, NotFound):
        return (
            f"there is no table {table} ({why}); it comes with the first row that is written to "
            f"it, else mend {key}"
        )
    if fault is ErrorKind.TOO_MANY_BYTES:
        return (
            f"reading {table} would bill more than rollout.guardrails.max_bytes ({why}); raise it, "
            "or partition the table by time"
        )
    if fault is ErrorKind.DENIED:
        return (
            f"{table} may not be read ({why}); grant the Airflow connection's account "
            "roles/bigquery.dataViewer on it"
        )
    if fault is ErrorKind.INVALID:
        return (
            f"{table} has not the columns of docs/explanation/rollout.md ({why}); mend it, or {key}"
        )
    return f"{table} cannot be read now ({why})"
