"""Waits for the duel, and reads its evidence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from titleholder.analysis.duel_job import duel_result
from titleholder.config.duel import Duel
from titleholder.gcp.console import object_page
from titleholder.operators.links import PipelineLink, ReportLink
from titleholder.operators.wait_for_job import WaitForJobOperator
from titleholder.pipelines.contract import Job


class WaitForDuelOperator(WaitForJobOperator):
    """Returns `{"job", "measured", "evidence", "report"}`: the job's resource name, the time from
    which its numbers are (RFC 3339), the evidence of docs/reference/duel.md, and the page's URI."""

    submitted_by = "submit_duel"
    section = "duel"
    failure_effect = "no evidence"
    remedy = "to measure anew, clear submit_duel with what follows it"
    operator_extra_links = (PipelineLink(), ReportLink())

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    @property
    def timeout(self) -> timedelta:
        """The YAML file's `duel.timeout`."""
        return self.duel.timeout

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """As any job's, with a link to the report."""
        found = super().execute(context)
        ReportLink.store(context, object_page(found["report"]))
        return found

    def result(self, job: Job) -> dict[str, Any]:
        """What the duel measured."""
        evidence, report = duel_result(job)
        return {
            "job": job.name,
            # Rows that came in while it ran may be missing: it is as old as its start.
            "measured": job.created.isoformat(),
            "evidence": evidence,
            "report": report,
        }
