"""Registers the run's model and seats it on the endpoint: observe, plan, apply, repeat."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from titleholder.contract import Offer
from titleholder.operators.base import ModelOperator
from titleholder.rollout.plan import SeatCandidate, plan
from titleholder.rollout.steps import Step
from titleholder.rollout.view import View
from titleholder.run import Run
from titleholder.vertex.endpoints import Endpoints, LookAgain, version_labels

# A resumed task costs more than this on a worker, so short operations are waited for in place.
PATIENCE_SECONDS = 5.0
LOOK_AGAIN_LIMIT = 20


class UpdateTrafficOperator(ModelOperator):
    """Makes the endpoint what the run wants, and changes nothing when it is so already.

    Returns `{"summary", "endpoint", "split", "labels", "version"}`. Skips when the pipeline
    offered no model.
    """

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one step after the other; defers while an operation runs."""
        ti = context["ti"]
        trained = ti.xcom_pull(task_ids="wait_for_pipeline")
        if trained["offer"] is None:
            raise AirflowSkipException(
                f"{self.config.model}: the model of {self.run_of(context).interval} scored "
                f"{trained['score']:.2f}, under the gate of {self.config.gate.minimum_score:g}; "
                f"nothing was registered and {self.config.endpoint.display_name} stays as it is"
            )
        offer = Offer(**trained["offer"])
        own = self.run_of(context)
        generation = ti.xcom_pull(task_ids="submit_pipeline")["generation"]
        run = Run(own.model, own.interval, generation)
        freshness = ti.xcom_pull(task_ids="check_freshness") or {}
        labels = version_labels(
            run,
            offer,
            {**self.config.labels, "freshness": freshness.get("outcome", "unknown")}.items(),
        )
        with self.told():
            return self._reconcile(context, run, offer, labels)

    def _reconcile(
        self, context: Mapping[str, Any], run: Run, offer: Offer, labels: dict[str, str]
    ) -> dict[str, Any]:
        endpoints = Endpoints(self.environment, self.config)
        wish = self._wish(run)
        self._settle(context, endpoints)
        told: tuple[Step, ...] = ()
        for _ in range(LOOK_AGAIN_LIMIT):
            view = endpoints.observe(run)
            if view.busy:
                self.log.info("waiting for %s", ", ".join(view.busy))
                self.wake_in(timedelta(seconds=PATIENCE_SECONDS))
            decided = plan(view, wish)
            if not decided.steps:
                self.log.info("%s", decided.summary)
                return _result(view, decided.summary)
            if decided.steps != told:
                self.log.info("plan: %s", "; ".join(str(step) for step in decided.steps))
            step, told = decided.steps[0], decided.steps[1:]
            try:
                operation = endpoints.apply(step, view, run, offer, labels)
            except LookAgain:
                self.log.info("the endpoint changed meanwhile; looking again")
                continue
            self.log.info("%s: %s", "begun" if operation else "done", step)
            if operation:
                context["ti"].xcom_push("operation", {"name": operation, "step": str(step)})
                self._settle(context, endpoints)
        raise AirflowException(
            f"{self.config.model}: {view.endpoint} kept changing under {LOOK_AGAIN_LIMIT} looks; "
            "find out who else writes to it"
        )

    def _settle(self, context: Mapping[str, Any], endpoints: Endpoints) -> None:
        """Wait for the operation that this attempt started, if any; in place while it is short.

        Its name is kept as an XCom, which outlives a deferral and is gone with the attempt: an
        attempt that takes over sees operations in flight when it observes.
        """
        ti = context["ti"]
        begun = ti.xcom_pull(task_ids=self.task_id, key="operation")
        if not begun:
            return
        patience = time.monotonic() + PATIENCE_SECONDS
        while endpoints.running(begun["name"], begun["step"]):
            if time.monotonic() > patience:
                self.wake_in(timedelta(seconds=PATIENCE_SECONDS))
            time.sleep(0.25)
        ti.xcom_push("operation", None)

    def _wish(self, run: Run) -> SeatCandidate:
        return SeatCandidate(
            model=run.model,
            alias=run.name,
            deployed_model_id=run.deployed_model_id,
            data_until=run.interval.end,
            period=run.interval.length,
            share=self.config.rollout.challenger_share,
            endpoint=self.config.endpoint.display_name,
            create_endpoint=self.config.endpoint.create,
        )


def _result(view: View, summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "endpoint": view.endpoint,
        "split": view.split,
        "labels": view.labels,
        "version": view.version,
    }
