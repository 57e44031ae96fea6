"""Does what a person asked for when triggering `<model>__rollout`."""

from collections.abc import Mapping
from typing import Any

from titleholder.operators.rollout import RolloutOperator, person
from titleholder.recorder import Cause
from titleholder.rollout.intents import Intent
from titleholder.rollout.wishes import Wish, intent_of


class ApplyWishOperator(RolloutOperator):
    """Applies the wish that `observe` pinned: a retry means the same model, whatever changed."""

    def intent(self, context: Mapping[str, Any]) -> Intent:
        """The wish's."""
        return intent_of(Wish(**self.handed(context, "observe")))

    def cause(self, context: Mapping[str, Any]) -> Cause:
        """The person who triggered the run."""
        return person(context)
