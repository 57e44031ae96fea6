"""Registers the weekly run's model and seats it on the endpoint."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.naming import Run
from titleholder.operators.rollout import RolloutOperator, run_name
from titleholder.pipelines.candidate import candidate
from titleholder.pipelines.contract import Offer, require_under
from titleholder.reconciler.recorder import Cause
from titleholder.rollout.intents import Intent


class UpdateTrafficOperator(RolloutOperator):
    """Skips when the pipeline offered no model."""

    def intent(self, context: Mapping[str, Any]) -> Intent:
        """The run's model in the registry and on the endpoint."""
        trained = self.handed(context, "wait_for_pipeline")
        if trained["offer"] is None:
            raise AirflowSkipException(
                f"{self.config.model}: the model of {self.run_of(context).interval} scored "
                f"{trained['score']:.2f}, under the gate of {self.config.gate.minimum_score:g}; "
                f"nothing was registered and {self.config.endpoint.display_name} stays as it is"
            )
        offered = Offer(**trained["offer"])
        require_under(self.environment.pipeline_root, offered.uri)
        own = self.run_of(context)
        run = Run(own.model, own.interval, self.handed(context, "submit_pipeline")["generation"])
        freshness = context["ti"].xcom_pull(task_ids="check_freshness") or {}
        return candidate(
            self.config,
            run,
            offered,
            freshness.get("outcome", "unknown"),
            trained["fingerprint"],
        )

    def cause(self, context: Mapping[str, Any]) -> Cause:
        """The run, with the freshness of its week and the score of its model as evidence."""
        trained = self.handed(context, "wait_for_pipeline")
        submitted = self.handed(context, "submit_pipeline")
        return Cause(
            run=run_name(context),
            actor=context["dag_run"].triggering_user_name or "airflow",
            interval=self.run_of(context).interval,
            evidence={
                "freshness": context["ti"].xcom_pull(task_ids="check_freshness"),
                "score": trained["score"],
                "job": submitted["job"],
                # An older version of this package, before an upgrade, did not say.
                "pipeline": submitted.get("pipeline", "unknown"),
            },
        )
