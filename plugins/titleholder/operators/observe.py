"""Observes the endpoint, and resolves the target of a run."""

from collections.abc import Mapping
from typing import Any

from titleholder.analysis.model_pair import Evaluate, ModelPair, model_pair
from titleholder.analysis.watching.champion import WatchedChampion, watched_champion
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import EVALUATE, Observed
from titleholder.operators.rollout import change_context, make_reconciler, state_samples
from titleholder.rollout.descriptions import describe_steps
from titleholder.rollout.intents import SetTrafficPercentage, intent_from
from titleholder.rollout.view import View


class ObserveOperator(ModelOperator):
    """Returns results.Observed for the run's parameters `intent`, `traffic_percentage` and
    `deployed_model_id`; logs the plan.

    For the intent `evaluate` it skips when there is neither a challenger nor a champion to watch.
    Airflow stores `model_file` with
    the serialized DAG, for the page.
    """

    @property
    def model_file(self) -> str:
        """The model's YAML file as JSON, which config.loader.model_from_json reads."""
        return self.config.model_dump_json(exclude_defaults=True)

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """The web server has neither dags/ nor the YAML files: only the serialized DAG."""
        fields: frozenset[str] = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"model_file"}

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Observe once; fails when the intent is not possible."""
        params = context["params"]
        with self.fail_with_message():
            self.reject_unknown_params(context)
        if params["intent"] == EVALUATE:
            return self._pair(context)
        with self.fail_with_message():
            name = params["intent"]
            # The form has a value for every intent.
            takes_percentage = name == SetTrafficPercentage.action
            percentage = (
                whole_percentage(params["traffic_percentage"]) if takes_percentage else None
            )
            intent, plan, view = make_reconciler(self, change_context(context)).resolve_target(
                intent_from(name, params["deployed_model_id"], percentage)
            )
        for step in describe_steps(plan.steps, view):
            self.log.info("to do: %s", step)
        self.log.info("then: %s" if plan.steps else "%s", plan.answer)
        return Observed(None, intent).to_xcom()

    def _pair(self, context: Mapping[str, Any]) -> dict[str, Any]:
        def read(view: View) -> tuple[ModelPair | None, WatchedChampion | None, View]:
            return model_pair(view), self._watched(view), view

        with self.fail_with_message():
            reconciler = make_reconciler(self, change_context(context))
            pair, watched, view = reconciler.read_view(Evaluate(), read)
        self.emit_metrics(lambda: state_samples(self, view), context)
        if pair is not None:
            self.log.info("%s challenges %s", pair.challenger, pair.champion)
        elif watched is not None:
            self.log.info("there is no challenger; %s is watched", watched.model)
        else:
            self.skip_with_message(
                f"there is no challenger on {self.config.endpoint.display_name}, so nothing is "
                "evaluated"
            )
        return Observed(pair, None, watched).to_xcom()

    def _watched(self, view: View) -> WatchedChampion | None:
        """The champion to watch; None without the section `watch`, without a champion, and for one
        that cannot be scored."""
        if self.config.watch is None:
            return None
        try:
            return watched_champion(view)
        except DriftDetected:
            raise
        except ManualActionRequired as error:
            self.log.warning("the champion is not watched: %s", error)
            return None


def whole_percentage(value: object) -> int | None:
    """The traffic percentage of a run's parameters; None for none. JSON has one type of number:
    20.0 is 20, and Airflow's form accepts it. Raises InvalidRequest for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidRequest(
        f"the traffic percentage {value!r} is no whole number; write one from 1 to 99"
    )
