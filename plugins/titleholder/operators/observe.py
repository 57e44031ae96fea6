"""Looks at the endpoint, and settles whom a run is about before anything is changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.analysis.pair import Contest, Contestant, Judge, contest
from titleholder.errors import InvalidRequest
from titleholder.operators.base import ModelOperator
from titleholder.operators.rollout import engine, person
from titleholder.rollout.descriptions import all_described
from titleholder.rollout.wishes import Wish

JUDGE = "judge"


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
        with self.told():
            self.only_known(context)
        if given["intent"] == JUDGE:
            return self._judge(context)
        with self.told():
            share = whole_share(given["share"])
            asked = Wish(given["intent"], given["deployed_model_id"], share)
            wish, decided, view = engine(self, person(context)).pin(asked)
        for words in all_described(decided.steps, view):
            self.log.info("to do: %s", words)
        self.log.info("then: %s" if decided.steps else "%s", decided.answer)
        return asdict(wish)

    def _judge(self, context: Mapping[str, Any]) -> dict[str, Any]:
        with self.told():
            between = engine(self, person(context)).look(Judge(), contest)
        if between is None:
            raise AirflowSkipException(
                f"{self.config.model}: there is no challenger on "
                f"{self.config.endpoint.display_name}, so nobody is judged"
            )
        self.log.info("%s challenges %s", between.challenger, between.champion)
        return {"kind": JUDGE, **asdict(between)}


def whole_share(given: object) -> int | None:
    """The share that a run was given; None for none. JSON has one kind of number, so that 20.0 is
    20, and Airflow's form lets it through. Raises InvalidRequest for anything else."""
    if isinstance(given, float) and given.is_integer():
        return int(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise InvalidRequest(f"the share {given!r} is no whole number; say how many per cent, 1 to 99")


def contest_of(observed: Mapping[str, Any]) -> Contest:
    """Who is judged, as `observe` handed it on."""
    return Contest(Contestant(**observed["champion"]), Contestant(**observed["challenger"]))
