"""The steps from what is there to what is wanted. Pure and total: steps, or a sentence."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import assert_never

from titleholder.rollout.intents import (
    Abort,
    Adopt,
    DeployCandidate,
    Intent,
    Policy,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.outcome import Plan
from titleholder.rollout.plan_candidate import deploy_candidate
from titleholder.rollout.plan_drift import adopt, restore
from titleholder.rollout.plan_roles import (
    abort,
    promote,
    roll_back,
    set_traffic_percentage,
    undo_promotion,
)
from titleholder.rollout.roles import drift, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, Step
from titleholder.rollout.view import View


def plan(view: View, intent: Intent, policy: Policy | None = None) -> Plan:
    """The whole plan from this view; apply the first step, look again, plan again.

    The champion is never undeployed, the split sums to 100 after every step, and no more models are
    deployed than the policy allows. The registry's aliases follow the roles at the end. Raises
    InvalidRequest for an intent that cannot be, ManualActionRequired when a person has to decide.
    """
    decided = _decide(view, intent, policy or Policy())
    last = reduce(apply_to_view, decided.steps, view)
    return replace(decided, steps=(*decided.steps, *_alias_steps(last)))


def _decide(view: View, intent: Intent, policy: Policy) -> Plan:
    match intent:
        case DeployCandidate():
            return deploy_candidate(view, intent, policy)
        case Promote():
            return promote(view, intent, policy)
        case RollBack():
            return roll_back(view, intent)
        case Abort():
            return abort(view, intent)
        case SetTrafficPercentage():
            return set_traffic_percentage(view, intent)
        case UndoPromotion():
            return undo_promotion(view, intent, policy)
        case Adopt():
            return adopt(view, intent)
        case Restore():
            return restore(view)
        case _:
            assert_never(intent)


def _alias_steps(view: View) -> Iterable[Step]:
    """The aliases `champion` and `challenger` of the registry, as the labels say it: for people,
    who look there. A model that is not in this registry entry has none."""
    recorded = recorded_state(view)
    if recorded is None or drift(view):
        return
    for role in ("champion", "challenger"):
        holder = view.version(role)
        seated = view.deployed_model(getattr(recorded[0], role))
        wanted = view.version_served_by(seated) if seated is not None else None
        if wanted is not None and wanted != holder:
            yield Alias(role, wanted.reference)
        elif wanted is None and holder is not None:
            yield Alias(role, holder.reference, remove=True)
