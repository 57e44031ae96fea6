"""The changes of an endpoint that a person may request now, for the page's forms. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from titleholder.config.model import ModelConfig
from titleholder.errors import TitleholderError
from titleholder.rollout.descriptions import describe_steps
from titleholder.rollout.intents import INTENTS, SetTrafficPercentage, intent_from, resolve_target
from titleholder.rollout.plan import plan
from titleholder.rollout.steps import Alias
from titleholder.rollout.view import View

# A sample of the intent set_traffic, to learn whether it is possible at all.
SAMPLE_PERCENTAGE = 1


@dataclass(frozen=True)
class RoleChange:
    """An intent that would change the endpoint now.

    `deployed_model_id` is its target, "" for none, and `version` the target's version: the request
    names it, so that it never applies to a model that got the role meanwhile. `steps` describe the
    calls of the plan; they are empty for set_traffic, whose plan depends on
    `traffic_percentage`, the challenger's present one; it is None for all others.
    """

    intent: str
    deployed_model_id: str
    version: str
    steps: list[str]
    traffic_percentage: int | None


def role_changes(view: View, config: ModelConfig) -> list[RoleChange]:
    """The intents whose plan changes the endpoint, in the order of INTENTS."""
    return [change for name in INTENTS for change in _changes(name, view, config)]


def _changes(name: str, view: View, config: ModelConfig) -> Iterator[RoleChange]:
    sets_traffic = name == SetTrafficPercentage.action
    try:
        requested = intent_from(name, None, SAMPLE_PERCENTAGE if sets_traffic else None)
        intent = resolve_target(requested, view)
        steps = plan(view, intent, config.rollout).steps
    except (TitleholderError, ValueError):
        # Not possible in this state, as a warning says if it needs a person. ValueError: a split
        # that does not sum to 100, which must not take the page from the other models.
        return
    target = view.deployed_model(intent.deployed_model_id)
    # The registry's aliases mirror the roles for people; adapting them alone is no change.
    changes = any(not isinstance(step, Alias) for step in steps)
    if not changes and not (sets_traffic and target):
        return
    yield RoleChange(
        name,
        intent.deployed_model_id or "",
        target.model if target else "",
        [] if sets_traffic else describe_steps(steps, view),
        target.traffic_percentage if sets_traffic and target else None,
    )
