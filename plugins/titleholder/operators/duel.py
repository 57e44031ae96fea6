"""Submits the duel of champion and challenger, and waits for its evidence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from titleholder.analysis.duel_job import DuelJob, duel_images, duel_parameters, duel_result
from titleholder.config.duel import Duel
from titleholder.gcp.console import object_page
from titleholder.naming import training_run_of
from titleholder.operators.links import PipelineLink, ReportLink
from titleholder.operators.results import Observed
from titleholder.operators.submit_job import JobRequest, SubmitJobOperator
from titleholder.operators.wait_for_job import WaitForJobOperator
from titleholder.pipelines.contract import Job


class SubmitDuelOperator(SubmitJobOperator):
    """Skips for any intent but `evaluate`. The job's id is derived from the two models and the end
    of the run's data interval."""

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """The duel on the rows whose labels were due at the end of the run's interval."""
        observed = self.read_result(context, "observe", Observed.from_xcom)
        if observed.intent is not None:
            self.skip_with_message(f"the intent {observed.intent.action} needs no duel")
        pair = observed.pair
        if pair is None:
            self.skip_with_message("there is no challenger, so there is no duel")
        at = training_run_of(self.config.model, self.duel.schedule, context).interval.end
        places = self.environment.job_places(self.config.source.table)
        return JobRequest(
            DuelJob(self.config.model, pair.champion.id, pair.challenger.id, at),
            self.duel.template,
            duel_parameters(self.config, self.duel, places, pair, at),
            duel_images(pair),
        )


class WaitForDuelOperator(WaitForJobOperator):
    """Returns `{"job", "measured", "evidence", "report"}`: the job's resource name, the time of its
    evidence (RFC 3339), the evidence of docs/reference/duel.md, and the URI of the report."""

    submitted_by = "submit_duel"
    section = "duel"
    failure_effect = "no evidence"
    remedy = "to evaluate again, clear submit_duel with what follows it"
    operator_extra_links = (PipelineLink(), ReportLink())

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    @property
    def timeout(self) -> timedelta:
        """The YAML file's `duel.timeout`."""
        return self.duel.timeout

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Wait as for any job, then link the report."""
        result = super().execute(context)
        ReportLink.store(context, object_page(result["report"]))
        return result

    def result(self, job: Job) -> dict[str, Any]:
        """The duel's evidence and report."""
        evidence, report = duel_result(job)
        return {
            "job": job.name,
            # Rows that arrived while it ran may be missing: the evidence is as old as its start.
            "measured": job.created.isoformat(),
            "evidence": evidence,
            "report": report,
        }
