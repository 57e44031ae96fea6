"""Registers the weekly run's model and seats it on the endpoint."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.naming import TrainingRun
from titleholder.operators.rollout import RolloutOperator, run_name
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.contract import CandidateModel, require_within_root
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import Intent


class UpdateTrafficOperator(RolloutOperator):
    """Skips when the pipeline offered no model."""

    def intent(self, context: Mapping[str, Any]) -> Intent:
        """The run's model in the registry and on the endpoint."""
        trained = self.xcom_result(context, "wait_for_pipeline")
        if trained["candidate"] is None:
            raise AirflowSkipException(
                f"{self.config.model}: the model of {self.training_run(context).interval} scored "
                f"{trained['score']:.2f}, under the gate of {self.config.gate.min_score:g}; "
                f"nothing was registered and {self.config.endpoint.display_name} stays as it is"
            )
        candidate = CandidateModel(**trained["candidate"])
        require_within_root(self.environment.pipeline_root, candidate.uri)
        own = self.training_run(context)
        run = TrainingRun(
            own.model, own.interval, self.xcom_result(context, "submit_pipeline")["generation"]
        )
        freshness = context["ti"].xcom_pull(task_ids="check_freshness") or {}
        return deploy_candidate(
            self.config,
            run,
            candidate,
            freshness.get("outcome", "unknown"),
            trained["fingerprint"],
        )

    def change_context(self, context: Mapping[str, Any]) -> ChangeContext:
        """The run, with the freshness of its week and the score of its model as evidence."""
        trained = self.xcom_result(context, "wait_for_pipeline")
        submitted = self.xcom_result(context, "submit_pipeline")
        return ChangeContext(
            run=run_name(context),
            actor=context["dag_run"].triggering_user_name or "airflow",
            interval=self.training_run(context).interval,
            evidence={
                "freshness": context["ti"].xcom_pull(task_ids="check_freshness"),
                "score": trained["score"],
                "job": submitted["job"],
                # An older version of this package, before an upgrade, did not say.
                "pipeline": submitted.get("pipeline", "unknown"),
            },
        )
