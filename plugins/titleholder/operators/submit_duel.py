"""Starts the duel of the champion and the challenger that `observe` found."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.analysis.duel_job import DuelJob, duel_parameters
from titleholder.config.duel import Duel
from titleholder.naming import training_run_of
from titleholder.operators.results import Observed
from titleholder.operators.submit_job import JobRequest, SubmitJobOperator


class SubmitDuelOperator(SubmitJobOperator):
    """Skips for another intent than `evaluate`. The job's id is the two models and the end of the
    run's data interval."""

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """The duel on the rows that were old enough at the end of the run's interval."""
        observed = self.read_result(context, "observe", Observed.from_xcom)
        if observed.intent is not None:
            raise AirflowSkipException(
                f"{self.config.model}: the intent {observed.intent.action} needs no duel"
            )
        pair = observed.pair
        assert pair is not None
        at = training_run_of(self.config.model, self.duel.schedule, context).interval.end
        environment = self.environment
        places = {
            "project": environment.project,
            "location": environment.location,
            "source_table": environment.qualified(self.config.source.table),
            "artifact_root": environment.pipeline_root,
        }
        return JobRequest(
            DuelJob(self.config.model, pair.champion.id, pair.challenger.id, at),
            self.duel.template,
            duel_parameters(self.config, self.duel, places, pair, at),
        )
