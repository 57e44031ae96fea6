"""The plan from a view to an intent: steps, or an error in one sentence. Pure and total."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import assert_never

from titleholder.config.rollout import Rollout
from titleholder.labels import Label
from titleholder.rollout.drift import find_drift
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    DeployCandidate,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
    UpdateResources,
)
from titleholder.rollout.plan_adopt_restore import adopt, restore
from titleholder.rollout.plan_candidate import deploy_candidate
from titleholder.rollout.plan_roles import (
    abort,
    promote,
    roll_back,
    set_traffic_percentage,
    undo_promotion,
)
from titleholder.rollout.plan_update_resources import update_resources
from titleholder.rollout.roles import recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, Plan, Step
from titleholder.rollout.view import View


def plan(view: View, intent: Intent, rollout: Rollout | None = None) -> Plan:
    """The whole plan from this view; the engine applies its first step, observes and plans again.

    The champion is never undeployed, the split sums to 100 after every step, and no more models are
    deployed than `rollout.replacement` allows, or one more while a model is deployed again. The
    last steps adapt the registry's aliases. Raises InvalidRequest for an invalid intent,
    ManualActionRequired if a user has to decide.
    """
    found = _plan(view, intent, rollout or Rollout())
    last = reduce(apply_to_view, found.steps, view)
    return replace(found, steps=(*found.steps, *_alias_steps(last)))


def _plan(view: View, intent: Intent, rollout: Rollout) -> Plan:
    if not isinstance(intent, DeployCandidate) and intent.deployed_model_id is not None:
        intent = replace(intent, deployed_model_id=view.present_id(intent.deployed_model_id))
    match intent:
        case DeployCandidate():
            return deploy_candidate(view, intent, rollout)
        case Promote():
            return promote(view, intent, rollout)
        case RollBack():
            return roll_back(view, intent)
        case Abort():
            return abort(view, intent)
        case SetTrafficPercentage():
            return set_traffic_percentage(view, intent)
        case UndoPromotion():
            return undo_promotion(view, intent, rollout)
        case UpdateResources():
            return update_resources(view)
        case Adopt():
            return adopt(view, intent)
        case Restore():
            return restore(view)
        case _:
            assert_never(intent)


def _alias_steps(view: View) -> Iterable[Step]:
    """The steps that give the registry's aliases `champion` and `challenger` to the versions with
    those roles. A version of another registry entry has no alias."""
    recorded = recorded_state(view)
    if recorded is None or find_drift(view):
        return
    for role in (Label.CHAMPION, Label.CHALLENGER):
        holder = view.version(role)
        deployed = view.deployed_model(recorded[0].holder(role))
        wanted = view.version_served_by(deployed) if deployed is not None else None
        if wanted is not None and wanted != holder:
            yield Alias(role.value, wanted.reference)
        elif wanted is None and holder is not None:
            yield Alias(role.value, holder.reference, remove=True)
