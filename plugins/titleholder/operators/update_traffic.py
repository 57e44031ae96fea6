"""Registers the model of a training run and deploys it as challenger."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from titleholder.operators.rollout import Change, RolloutOperator, run_name
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.contract import CandidateModel, require_within_root
from titleholder.reconciler.recorder import ChangeContext


class UpdateTrafficOperator(RolloutOperator):
    """Skips when the model did not pass the quality gate. One of a model runs at a time."""

    updates_assets_for_others = True

    def change(self, context: Mapping[str, Any]) -> Change:
        """The candidate; freshness, score and pipeline are the evidence of its events."""
        trained = self.xcom_result(context, "wait_for_pipeline")
        if trained["candidate"] is None:
            self.skip_with_message(
                f"the model of {self.training_run(context).interval} scored "
                f"{trained['score']:.2f}, under the gate of {self.config.gate.min_score:g}; "
                f"nothing was registered and {self.config.endpoint.display_name} is unchanged"
            )
        candidate = CandidateModel.from_json(trained["candidate"])
        require_within_root(self.environment.pipeline_root, candidate.uri)
        submitted = self.xcom_result(context, "submit_pipeline")
        run = replace(self.training_run(context), generation=submitted["generation"])
        freshness = context["ti"].xcom_pull(task_ids="check_freshness")
        intent = deploy_candidate(
            self.config,
            run,
            candidate,
            (freshness or {}).get("outcome", "unknown"),
            trained["fingerprint"],
            trained.get("held_out_loss"),
        )
        return Change(
            intent,
            ChangeContext(
                run=run_name(context),
                actor=context["dag_run"].triggering_user_name or "airflow",
                interval=run.interval,
                evidence={
                    "freshness": freshness,
                    "score": trained["score"],
                    "job": submitted["job"],
                    "pipeline": submitted["pipeline"],
                },
            ),
        )
