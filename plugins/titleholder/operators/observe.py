"""Looks at the endpoint, and settles whom a wish is about before anything is changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from titleholder.operators.base import ModelOperator
from titleholder.operators.rollout import engine, person
from titleholder.rollout.wishes import Wish


class ObserveOperator(ModelOperator):
    """Returns the wish of the run's parameters `intent`, `share` and `deployed_model_id`, pinned to
    the model it is about, as `{"kind", "deployed_model_id", "share"}`; logs the plan."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One look; fails with one sentence when the wish cannot be met."""
        given = context["params"]
        asked = Wish(given["intent"], given["deployed_model_id"], given["share"])
        with self.told():
            wish, decided = engine(self, person(context)).pin(asked)
        for step in decided.steps:
            self.log.info("to do: %s", step)
        self.log.info("then: %s", decided.summary)
        return asdict(wish)
