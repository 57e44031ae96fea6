"""Waits, without a worker slot, until the source covers the run's data interval."""

from collections.abc import Mapping
from typing import Any

from titleholder.alerts.from_failure import alert_for_stale_source
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure
from titleholder.freshness import (
    FUTURE_TOLERANCE,
    Finding,
    FreshnessState,
    Rule,
    check_coverage,
    check_metadata,
)
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.gcp.errors import error_message
from titleholder.operators.base import ModelOperator


class CheckFreshnessOperator(ModelOperator):
    """Succeeds when the source is fresh or within `warn_after`, defers while it is stale, and fails
    when waiting cannot help. Returns `{"outcome", "reason"}`."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, str]:
        """Check once; defers while the source is stale and `source.freshness.timeout` has not
        passed."""
        with self.fail_with_message():
            self.reject_unknown_params(context)
            finding = self._check(context)
        if finding.state in (FreshnessState.FRESH, FreshnessState.WARN):
            log = self.log.info if finding.state is FreshnessState.FRESH else self.log.warning
            log("%s: %s", finding.state, finding.reason)
            return {"outcome": finding.state.value, "reason": finding.reason}
        if finding.wait_until is None:
            raise TaskFailure(f"{self.config.model}: {finding.state}: {finding.reason}")
        self._alert_once(context, finding)
        left = finding.wait_until - self.clock()
        self.defer_for(min(self.config.source.freshness.poke_interval, left))

    def _alert_once(self, context: Mapping[str, Any], finding: Finding) -> None:
        """Alert at the first stale check of the run, or since it was cleared. Airflow's task state
        store keeps that across deferrals and retries; without the store there is no alert."""
        self.log.warning("%s: %s", finding.state, finding.reason)
        key = f"stale-alert-{context['dag_run'].clear_number or 0}"
        try:
            store = context["task_state_store"]
            if store.get(key):
                return
            store.set(key, True)
        except Exception as error:
            self.log.warning("Airflow's task state store does not answer: %s", error_message(error))
            return
        model, every = self.config.model, self.config.source.freshness.poke_interval
        interval, now = self.training_run(context).interval, self.clock()
        self.send_alert(
            context, lambda: alert_for_stale_source(model, interval, finding, every, now)
        )

    def _check(self, context: Mapping[str, Any]) -> Finding:
        source, now = self.config.source, self.clock()
        interval = self.training_run(context).interval
        table = self.environment.qualified(source.table)
        rule = Rule(
            table=table,
            timestamp=source.timestamp,
            warn_after=source.freshness.warn_after,
            error_after=source.freshness.error_after,
            timeout=source.freshness.timeout,
            min_rows=source.freshness.min_rows,
        )
        tables = SourceTables(self.environment, now)
        try:
            finding = check_metadata(rule, tables.metadata(table), interval, now)
            if finding.state is not FreshnessState.FRESH:
                return finding
            coverage = tables.coverage(
                table,
                source.timestamp,
                interval,
                now + FUTURE_TOLERANCE,
                source.freshness.max_bytes,
            )
        except Unreadable as error:
            if not error.final:
                raise AttemptFailure(f"{self.config.model}: unknown: {error}") from None
            return Finding(FreshnessState.UNKNOWN, str(error))
        self.log.info("%s: %s", table, coverage)
        return check_coverage(rule, coverage, interval, now)
