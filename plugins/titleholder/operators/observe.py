"""Looks at the endpoint, and settles whom a wish is about before anything is changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from titleholder.operators.base import ModelOperator
from titleholder.rollout.intents import Policy
from titleholder.rollout.plan import plan
from titleholder.rollout.wishes import Wish, intent_of, pin
from titleholder.vertex.endpoints import Endpoints


class ObserveOperator(ModelOperator):
    """Returns the wish of the run's parameters `intent`, `share` and `deployed_model_id`, pinned to
    the model it is about, as `{"kind", "deployed_model_id", "share"}`; logs the plan."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One look; fails with one sentence when the wish cannot be met."""
        given = context["params"]
        with self.told():
            view = Endpoints(self.environment, self.config).observe()
            wish = pin(
                Wish(given["intent"], given["deployed_model_id"] or None, given["share"]), view
            )
            rollout = self.config.rollout
            policy = Policy(rollout.replacement, rollout.keep_previous)
            decided = plan(view, intent_of(wish), policy)
        for step in decided.steps:
            self.log.info("to do: %s", step)
        self.log.info("then: %s", decided.summary)
        return asdict(wish)
