"""Starts a training early."""

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from titleholder.alerts.from_watch import alert_for_training
from titleholder.errors import RetryableError
from titleholder.events.event import Action
from titleholder.naming import INTERVAL_END
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import Watched
from titleholder.operators.rollout import change_context, make_reconciler


class RetrainOperator(ModelOperator, TriggerDagRunOperator):
    """Airflow's operator, for the run of `<model>__train` that `watch_champion` decided on. Skips
    when there is none, or when it was started before.

    The id of the dag run is derived from what called for it, and Airflow accepts an id once. So a
    retry, a cleared run or a backfill starts no second training.
    """

    # Airflow's operator templates the run's id and configuration, which come from a look here.
    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{kwargs['config'].model}__train",
            # The training has its own data interval, of its parameter.
            logical_date=None,
            skip_when_already_exists=True,
            # Its conf may have no key that the form does not have.
            openlineage_inject_parent_info=False,
            **kwargs,
        )

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Record the start, then start the run: a process that is lost in between is repeated."""
        watched = self.read_result(context, "watch_champion", Watched.from_xcom)
        training = watched.training
        if training is None:
            self.skip_with_message(f"nothing calls for an early training: {watched.reason}")
        record = training.to_json() | {"job": watched.evidence["job"]}
        with self.fail_with_message():
            reconciler = make_reconciler(self, change_context(context))
            view = reconciler.read_view("retrain", lambda seen: seen)
            reason = (
                f"{self.trigger_dag_id} is started early on {training.interval}: {watched.reason}"
            )
            if not reconciler.record(
                Action.RETRAIN, view, reason, training.run_id, record, once=training.run_id
            ):
                raise RetryableError(
                    f"{reason}, but that could not be recorded in {self.config.events_table}"
                )
        event = reconciler.recorded[-1]
        self.send_alert_once(context, event.id, lambda: alert_for_training(event, training))
        self.trigger_run_id = training.run_id
        self.conf = {INTERVAL_END: record["interval_end"]}
        self.log.info("starting %s of %s", training.run_id, self.trigger_dag_id)
        return super().execute(context)  # type: ignore[arg-type]
