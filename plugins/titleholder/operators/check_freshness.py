"""Waits, without a worker slot, until the source covers the run's data interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from titleholder.alerts.from_failure import alert_for_stale_source
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure
from titleholder.freshness import (
    FUTURE_TOLERANCE,
    Coverage,
    Finding,
    FreshnessState,
    Metadata,
    Rule,
    check_coverage,
    check_metadata,
)
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.gcp.errors import error_message
from titleholder.lineage.tasks import source_lineage
from titleholder.metrics.metric import Refusal
from titleholder.metrics.samples import freshness_samples, refusal_sample
from titleholder.operators.base import ModelOperator


@dataclass(frozen=True)
class _Checked:
    """A finding and what it was found by, as far as it was read."""

    finding: Finding
    metadata: Metadata | None = None
    coverage: Coverage | None = None


class CheckFreshnessOperator(ModelOperator):
    """Succeeds when the source is fresh or within `warn_after`, defers while it is stale, and fails
    when waiting cannot help. Returns `{"outcome", "reason"}`."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, str]:
        """Check once; defers while the source is stale and `source.freshness.timeout` has not
        passed."""
        with self.fail_with_message():
            self.reject_unknown_params(context)
            checked = self._check(context)
        finding = checked.finding
        self._report(context, checked)
        if finding.state in (FreshnessState.FRESH, FreshnessState.WARN):
            log = self.log.info if finding.state is FreshnessState.FRESH else self.log.warning
            log("%s: %s", finding.state, finding.reason)
            return {"outcome": finding.state.value, "reason": finding.reason}
        if finding.wait_until is None:
            self.emit_metrics(lambda: [refusal_sample(self.config.model, Refusal.FRESHNESS)])
            raise TaskFailure(f"{self.config.model}: {finding.state}: {finding.reason}")
        self._alert_once(context, finding)
        left = finding.wait_until - self.clock()
        self.defer_for(min(self.config.source.freshness.poke_interval, left))

    def _report(self, context: Mapping[str, Any], checked: _Checked) -> None:
        """Emit the lag, and keep the lineage."""
        interval, finding, coverage = (
            self.training_run(context).interval,
            checked.finding,
            checked.coverage,
        )
        if finding.state is not FreshnessState.UNKNOWN:
            newest = coverage.last if coverage is not None else None
            self.emit_metrics(
                lambda: freshness_samples(self.config.model, interval, newest), context
            )
        columns = checked.metadata.columns if checked.metadata is not None else ()
        error_after = self.config.source.freshness.error_after
        self.keep_lineage(
            lambda names: source_lineage(names, interval, finding, error_after, columns, coverage)
        )

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

    def _check(self, context: Mapping[str, Any]) -> _Checked:
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
        metadata = None
        try:
            metadata = tables.metadata(table)
            finding = check_metadata(rule, metadata, interval, now)
            if finding.state is not FreshnessState.FRESH:
                return _Checked(finding, metadata)
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
            return _Checked(Finding(FreshnessState.UNKNOWN, str(error)), metadata)
        self.log.info("%s: %s", table, coverage)
        return _Checked(check_coverage(rule, coverage, interval, now), metadata, coverage)
