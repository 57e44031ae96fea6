"""Registers the run's model and seats it on the endpoint: observe, plan, apply, repeat."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.contract import Offer
from titleholder.errors import Refusal, TryAgain
from titleholder.operators.base import ModelOperator, next_look
from titleholder.rollout.plan import SeatCandidate, plan
from titleholder.rollout.steps import Step
from titleholder.rollout.view import View, serving
from titleholder.run import Run
from titleholder.vertex.endpoints import Endpoints, LookAgain, version_labels

# A resumed task costs more than this on a worker, so short operations are waited for in place.
PATIENCE_SECONDS = 5.0
# Vertex AI is known to take half an hour to deploy; nothing sound takes this long.
OPERATION_LIMIT = timedelta(hours=3)
LOOK_AGAIN_LIMIT = 5


class UpdateTrafficOperator(ModelOperator):
    """Makes the endpoint what the run wants, and changes nothing when it is so already.

    Returns `{"summary", "endpoint", "split", "labels", "version"}`. Skips when the pipeline
    offered no model.
    """

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one step after the other; defers while an operation runs."""
        trained = self.handed(context, "wait_for_pipeline")
        if trained["offer"] is None:
            raise AirflowSkipException(
                f"{self.config.model}: the model of {self.run_of(context).interval} scored "
                f"{trained['score']:.2f}, under the gate of {self.config.gate.minimum_score:g}; "
                f"nothing was registered and {self.config.endpoint.display_name} stays as it is"
            )
        offer = Offer(**trained["offer"])
        own = self.run_of(context)
        generation = self.handed(context, "submit_pipeline")["generation"]
        run = Run(own.model, own.interval, generation)
        freshness = context["ti"].xcom_pull(task_ids="check_freshness") or {}
        labels = version_labels(
            run,
            offer,
            {**self.config.labels, "freshness": freshness.get("outcome", "unknown")},
        )
        with self.told():
            return self._reconcile(context, run, offer, labels)

    def _reconcile(
        self, context: Mapping[str, Any], run: Run, offer: Offer, labels: dict[str, str]
    ) -> dict[str, Any]:
        endpoints = Endpoints(self.environment, self.config)
        wish = self._wish(run)
        self._settle(context, endpoints, run, patience=0)
        told: tuple[Step, ...] = ()
        seen = 0
        while True:
            view = endpoints.observe(run)
            if view.busy:
                self._wait(context, view.busy[0])
            decided = plan(view, wish)
            if not decided.steps:
                self.log.info("%s", decided.summary)
                return _result(view, decided.summary)
            if decided.steps != told:
                self.log.info("plan: %s", "; ".join(str(step) for step in decided.steps))
            step, told = decided.steps[0], decided.steps[1:]
            try:
                operation = endpoints.apply(step, view, run, offer, labels)
            except LookAgain as change:
                seen += 1
                if seen == LOOK_AGAIN_LIMIT:
                    raise TryAgain(f"could not {step} in {seen} tries: {change}") from None
                self.log.info("could not %s yet (%s); looking again", step, change)
                time.sleep(1)
                continue
            self.log.info("%s: %s", "begun" if operation else "done", step)
            if operation:
                self._note(context, operation, str(step))
                self._settle(context, endpoints, run, PATIENCE_SECONDS)

    def _settle(
        self, context: Mapping[str, Any], endpoints: Endpoints, run: Run, patience: float
    ) -> None:
        """Wait for the operation that this attempt started; in place for `patience` seconds.

        Its name is kept as an XCom, which outlives a deferral and is gone with the attempt: an
        attempt that takes over sees operations in flight when it observes.
        """
        waiting = self._waiting(context)
        if not waiting.get("step"):
            return
        give_up = time.monotonic() + patience
        try:
            while endpoints.running(waiting["operation"], waiting["step"]):
                if time.monotonic() >= give_up:
                    self._wait(context, waiting["operation"])
                time.sleep(0.25)
        except (Refusal, TryAgain) as error:
            raise type(error)(f"{error}; {serving(endpoints.observe(run))}") from None
        context["ti"].xcom_push("waiting", None)

    def _wait(self, context: Mapping[str, Any], operation: str) -> NoReturn:
        """Defer until `operation` may have ended; fail when it never does."""
        waiting = self._waiting(context)
        if waiting.get("operation") != operation:
            waiting = self._note(context, operation, "")
        elapsed = self.clock() - datetime.fromisoformat(waiting["since"])
        if elapsed > OPERATION_LIMIT:
            raise Refusal(
                f"the operation {operation} has not ended in {OPERATION_LIMIT}; cancel it in the "
                "console, then clear this task"
            )
        self.log.info("waiting for %s", operation)
        self.wake_in(next_look(elapsed))

    def _note(self, context: Mapping[str, Any], operation: str, step: str) -> dict[str, str]:
        waiting = {"operation": operation, "step": step, "since": self.clock().isoformat()}
        context["ti"].xcom_push("waiting", waiting)
        return waiting

    def _waiting(self, context: Mapping[str, Any]) -> dict[str, str]:
        return context["ti"].xcom_pull(task_ids=self.task_id, key="waiting") or {}

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
