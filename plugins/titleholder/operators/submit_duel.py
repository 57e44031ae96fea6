"""Starts the duel of the champion and the challenger that `observe` found."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.analysis.duel_job import DuelRun, duel_parameters
from titleholder.config.duel import Duel
from titleholder.naming import run_of
from titleholder.operators.observe import JUDGE, contest_of
from titleholder.operators.submit_job import Order, SubmitJobOperator


class SubmitDuelOperator(SubmitJobOperator):
    """Skips when a person wants something else. The job's id is the two models and the end of the
    run's data interval."""

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def order(self, context: Mapping[str, Any]) -> Order:
        """The duel on the rows that were old enough at the end of the run's interval."""
        observed = self.handed(context, "observe")
        if observed["kind"] != JUDGE:
            raise AirflowSkipException(
                f"{self.config.model}: somebody asked for {observed['kind']}, without a duel"
            )
        between = contest_of(observed)
        at = run_of(self.config.model, self.duel.schedule, context).interval.end
        environment = self.environment
        places = {
            "project": environment.project,
            "location": environment.location,
            "source_table": environment.qualified(self.config.source.table),
            "artifact_root": environment.pipeline_root,
        }
        return Order(
            DuelRun(self.config.model, between.champion.id, between.challenger.id, at),
            self.duel.template,
            duel_parameters(self.config, self.duel, places, between, at),
        )
