"""Looks at the endpoint, and settles whom a run is about before anything is changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.analysis.pair import Evaluate, ModelPair, RegisteredModel, model_pair
from titleholder.errors import InvalidRequest
from titleholder.operators.base import ModelOperator
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.rollout.descriptions import describe_steps
from titleholder.rollout.wishes import Wish

EVALUATE = "judge"


class ObserveOperator(ModelOperator):
    """Returns the wish of the run's parameters `intent`, `share` and `deployed_model_id`, pinned to
    the model it is about, as `{"kind", "deployed_model_id", "share"}`; logs the plan.

    For the intent judge `{"kind", "champion", "challenger"}`, see contest_of; skips without a
    challenger. With the DAG, Airflow keeps `model_file` for the page.
    """

    @property
    def model_file(self) -> str:
        """The model's YAML file as JSON, which kept_model reads."""
        return self.config.model_dump_json(exclude_defaults=True)

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """The web server has neither dags/ nor the YAML files: only what Airflow keeps of a DAG."""
        fields: frozenset[str] = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"model_file"}

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One look; fails with one sentence when the wish cannot be met."""
        given = context["params"]
        with self.fail_with_message():
            self.reject_unknown_params(context)
        if given["intent"] == EVALUATE:
            return self._judge(context)
        with self.fail_with_message():
            share = whole_share(given["share"])
            asked = Wish(given["intent"], given["deployed_model_id"], share)
            wish, decided, view = make_reconciler(self, change_context(context)).resolve_target(
                asked
            )
        for words in describe_steps(decided.steps, view):
            self.log.info("to do: %s", words)
        self.log.info("then: %s" if decided.steps else "%s", decided.answer)
        return asdict(wish)

    def _judge(self, context: Mapping[str, Any]) -> dict[str, Any]:
        with self.fail_with_message():
            between = make_reconciler(self, change_context(context)).read_view(
                Evaluate(), model_pair
            )
        if between is None:
            raise AirflowSkipException(
                f"{self.config.model}: there is no challenger on "
                f"{self.config.endpoint.display_name}, so nobody is judged"
            )
        self.log.info("%s challenges %s", between.challenger, between.champion)
        return {"kind": EVALUATE, **asdict(between)}


def whole_share(given: object) -> int | None:
    """The share that a run was given; None for none. JSON has one kind of number, so that 20.0 is
    20, and Airflow's form lets it through. Raises InvalidRequest for anything else."""
    if isinstance(given, float) and given.is_integer():
        return int(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise InvalidRequest(f"the share {given!r} is no whole number; say how many per cent, 1 to 99")


def pair_from_result(observed: Mapping[str, Any]) -> ModelPair:
    """Who is judged, as `observe` handed it on."""
    return ModelPair(
        RegisteredModel(**observed["champion"]), RegisteredModel(**observed["challenger"])
    )
