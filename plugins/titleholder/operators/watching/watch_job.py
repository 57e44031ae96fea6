"""Submits the job that measures the champion alone, and waits for its evidence."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.history import last_phase
from titleholder.analysis.watching.watch_job import (
    WatchJob,
    comparison,
    watch_images,
    watch_parameters,
    watch_result,
)
from titleholder.config.duel import Duel
from titleholder.config.watch import Watch
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.naming import training_run_of
from titleholder.operators.results import Observed
from titleholder.operators.submit_job import JobRequest, SubmitJobOperator
from titleholder.operators.wait_for_job import WaitForJobOperator
from titleholder.pipelines.contract import Job
from titleholder.reconciler.recorder import RECORD_TIMEOUT_SECONDS


class SubmitWatchOperator(SubmitJobOperator):
    """Skips for any intent but `evaluate`. The job's id is derived from the champion and the end of
    the run's data interval.

    It runs beside the duel, too: that begins with the challenger's training data and so leaves out
    the days around each new challenger, the same weekdays every week.
    """

    def __init__(self, *, duel: Duel, watch: Watch, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel, self.watch = duel, watch

    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """The watch job on the days before the run's end; once decay has been found, the duel with
        the previous champion, if that may return."""
        observed = self.read_result(context, "observe", Observed.from_xcom)
        if observed.intent is not None:
            self.skip_with_message(f"the intent {observed.intent.action} needs no watch job")
        champion = observed.watched
        if champion is None:
            self.skip_with_message("the champion is not watched: see the log of observe")
        at = training_run_of(self.config.model, self.duel.schedule, context).interval.end
        places = self.environment.job_places(self.config.source.table)
        places["request_log"] = self._request_log(champion.request_log)
        arguments = self.config, self.duel, self.watch, places, champion, at
        compared = comparison(*arguments) if self._compares(champion, at) else None
        if compared is not None:
            self.log.info("scoring the previous champion %s, too", champion.previous)
            return JobRequest(
                compared.job, self.duel.template, compared.parameters, compared.images
            )
        return JobRequest(
            WatchJob(self.config.model, champion.model.id, at),
            self.watch.template,
            watch_parameters(*arguments),
            watch_images(champion),
        )

    def _compares(self, champion: WatchedChampion, at: datetime) -> bool:
        """Whether the last look found the champion decayed, and a previous one may return."""
        if self.watch.on_decay != "undo_promotion" or champion.previous is None:
            return False
        # The last look is not older than the window, as a rule; without one nothing has decayed.
        table = EventsTable(
            self.environment,
            self.config.events_table,
            timeout_seconds=RECORD_TIMEOUT_SECONDS,
        )
        since = at - 2 * self.watch.window
        events = table.read(self.config.model, since=since, endpoint=champion.endpoint)
        return last_phase(events, champion.ids, self.duel) == "decayed"

    def _request_log(self, table: str) -> str:
        """The full name of the endpoint's request log, "" for none or an invalid one: anyone who
        may change the endpoint can set it."""
        if not table:
            return ""
        try:
            return self.environment.qualified(table)
        except EnvironmentConfigError as error:
            self.log.warning("the request log is not read: %s", error)
            return ""


class WaitForWatchOperator(WaitForJobOperator):
    """Returns `{"job", "measured", "evidence", "compared", "data_drift", "report"}`: the job's
    resource name, the time of its start (RFC 3339), the evidence of docs/reference/watch-job.md or,
    if `compared`, of a duel with the previous champion, the report of data drift (None for none),
    and the URI of the duel's report."""

    submitted_by = "submit_watch"
    section = "watch"
    failure_effect = "no measurement of the champion"
    remedy = "to measure again, clear submit_watch with what follows it"

    def __init__(self, *, watch: Watch, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.watch = watch

    @property
    def timeout(self) -> timedelta:
        """The YAML file's `watch.timeout`."""
        return self.watch.timeout

    def result(self, job: Job) -> dict[str, Any]:
        """The evidence."""
        found = watch_result(job)
        return {
            "job": job.name,
            # Rows that arrived while it ran may be missing: the evidence is as old as its start.
            "measured": job.created.isoformat(),
            "evidence": found.evidence,
            "compared": found.is_comparison,
            "data_drift": found.data_drift,
            "report": found.report,
        }
