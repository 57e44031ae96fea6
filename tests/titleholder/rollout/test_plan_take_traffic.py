"""Abort and rollback work on an endpoint that was changed by hand, and adopt nothing."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import NEW, OLD, OLDER, deployed, foreign, view
from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.descriptions import describe_change, describe_step
from titleholder.rollout.drift import find_drift
from titleholder.rollout.intents import Abort, Adopt, Promote, Restore, RollBack, resolve_target
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, Plan, SetTraffic, Undeploy
from titleholder.rollout.view import DeployedModel, View

RECORDED = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW, last_challenger=OLDER))
WITHOUT_CHALLENGER = Roles(OLD, last_challenger=NEW)


def now(*models: DeployedModel) -> View:
    """The endpoint with the recorded split 90 to 10, after manual changes."""
    return replace(RECORDED, deployed_models=models)


def theirs(percentage: int, name: str = "7") -> DeployedModel:
    return foreign(name, percentage)


def applied(before: View, intent: Abort | RollBack) -> tuple[Plan, View]:
    """The plan and the view after it, for which the same plan has no steps."""
    decided = plan(before, intent)
    found = before
    for step in decided.steps:
        found = apply_to_view(found, step)
    assert not plan(found, intent).steps
    return decided, found


# The manual change: the view, the split without the challenger, and the remaining differences.
CHANGED: dict[str, tuple[View, dict[str, int], tuple[str, ...]]] = {
    "the split": (now(deployed(1, 50), deployed(0, 50)), {OLD: 100}, ()),
    "the challenger was promoted": (now(deployed(1), deployed(0, 100)), {OLD: 100}, ()),
    "the challenger has no traffic": (now(deployed(1, 100), deployed(0)), {OLD: 100}, ()),
    "the challenger was undeployed": (now(deployed(1, 100)), {OLD: 100}, ()),
    "another model has traffic": (
        now(deployed(1, 50), deployed(0, 30), theirs(20)),
        {OLD: 80, "7": 20},
        (
            "the split is 80 % to m1@9 and 20 % to x@1 instead of 100 % to m1@9",
            "x@1 (id 7, theirs) was",
        ),
    ),
    "another model was deployed": (
        now(deployed(1, 90), deployed(0, 10), theirs(0)),
        {OLD: 100},
        ("x@1 (id 7, theirs) was deployed",),
    ),
    "the champion was undeployed": (
        now(deployed(0, 70), theirs(10), theirs(20, "8")),
        {"7": 10, "8": 90},
        ("the champion m1@9 was undeployed", "the split is ", "x@1 (id 7, ", "x@1 (id 8, "),
    ),
    "the other model has no traffic": (
        now(deployed(0, 100), deployed(2)),
        {OLDER: 100},
        ("the champion m1@9 was undeployed", "the split is ", f"m1@8 (id {OLDER}, "),
    ),
    "no model has traffic": (
        now(deployed(1), deployed(0)),
        {},
        ("the split is empty instead of 100 % to m1@9",),
    ),
    "no model is deployed": (
        now(),
        {},
        ("the champion m1@9 was undeployed", "the split is empty"),
    ),
}


@pytest.mark.parametrize("intent", [Abort(NEW), RollBack(NEW)], ids=["abort", "rollback"])
@pytest.mark.parametrize(("before", "split", "remaining"), CHANGED.values(), ids=CHANGED)
def test_abort_and_rollback_always_work(
    before: View, split: dict[str, int], remaining: tuple[str, ...], intent: Abort | RollBack
) -> None:
    decided, found = applied(before, intent)
    assert found.split == split
    assert not any(isinstance(step, Alias) for step in decided.steps) or not remaining
    remaining_ids = {one.id for one in before.deployed_models} - (
        {NEW} if isinstance(intent, RollBack) else set()
    )
    assert {one.id for one in found.deployed_models} == remaining_ids
    # The record is as it was but for the challenger, so that what else differs is still drift.
    assert recorded_state(found) == (WITHOUT_CHALLENGER, {OLD: 100})
    differences = find_drift(found)
    assert len(differences) == len(remaining) == len(decided.still_differs)
    assert all(map(str.startswith, differences, remaining))
    assert decided.changed_by_hand == tuple(find_drift(before))
    for difference in decided.changed_by_hand:
        assert difference in decided.summary
    for step in decided.steps:
        if isinstance(step, SetTraffic):
            reason = describe_change(before, step, intent)
            assert all(difference in reason for difference in decided.changed_by_hand)
            assert reason.startswith(("m1@10 leaves, on", "m1@10 receives no more traffic"))
    names_both = "`titleholder adopt m1`" in decided.summary
    assert names_both == ("titleholder restore m1`" in decided.summary) == bool(remaining)
    assert ("is as it was recorded now" in decided.summary) == (not remaining)
    again = plan(found, intent).summary
    assert ("still differs from what was recorded" in again) == bool(remaining)


@pytest.mark.parametrize("case", [case for case in CHANGED.values() if case[2]])
def test_restore_settles_the_remaining_differences(case: tuple[View, object, object]) -> None:
    _, found = applied(case[0], Abort(NEW))
    with pytest.raises(DriftDetected, match="was changed by hand"):
        plan(found, Abort(OLD))
    for step in plan(found, Restore()).steps:
        found = apply_to_view(found, step)
    assert found.split == {OLD: 100}
    assert not find_drift(found)


def test_a_model_that_was_deployed_by_hand_loses_its_traffic() -> None:
    before = now(deployed(1, 60), deployed(0, 10), theirs(30))
    decided, found = applied(before, Abort("7"))
    assert found.split == {OLD: 90, NEW: 10}
    assert recorded_state(found) == (Roles(OLD, NEW, last_challenger="7"), {OLD: 90, NEW: 10})
    assert not decided.still_differs
    assert plan(before, RollBack("7")).steps[1] == Undeploy("7")
    # The changed percentages of the other models are not recorded.
    halves = now(deployed(1, 40), deployed(0, 40), theirs(20))
    decided, found = applied(halves, Abort("7"))
    assert found.split == {OLD: 60, NEW: 40}
    assert recorded_state(found) == (Roles(OLD, NEW, last_challenger="7"), {OLD: 90, NEW: 10})
    assert decided.still_differs == (
        "the split is 60 % to m1@9 and 40 % to m1@10 instead of 90 % to m1@9 and 10 % to m1@10",
    )
    step = next(step for step in decided.steps if isinstance(step, SetTraffic))
    assert step.recorded == {OLD: 90, NEW: 10}


def test_a_previous_champion_with_traffic_loses_it() -> None:
    recorded = view(deployed(0, 100), deployed(1), roles=Roles(NEW, None, OLD))
    before = replace(recorded, deployed_models=(deployed(0, 40), deployed(1, 60)))
    _, found = applied(before, Abort(OLD))
    assert found.split == {NEW: 100}
    assert recorded_state(found) == (Roles(NEW, last_challenger=OLD), {NEW: 100})


def test_errors() -> None:
    with pytest.raises(
        ManualActionRequired, match="m1@10 is the only model deployed on e, so there is none"
    ):
        plan(now(deployed(0, 100)), Abort(NEW))
    for unknown in (OLD, "77"):
        with pytest.raises(DriftDetected, match="was changed by hand"):
            plan(now(deployed(1, 50), deployed(0, 50)), RollBack(unknown))


def test_the_target_is_the_recorded_challenger() -> None:
    before = now(deployed(1, 50), deployed(0, 50))
    for kind in (Abort, RollBack):
        assert resolve_target(kind(), before) == kind(NEW)
    _, found = applied(now(deployed(1, 50), deployed(0, 30), theirs(20)), Abort(NEW))
    assert resolve_target(Abort(), found) == Abort(NEW)
    with pytest.raises(DriftDetected):
        resolve_target(Promote(), before)
    alone = replace(view(deployed(1, 80), theirs(20)), labels=view(roles=Roles(OLD)).labels)
    with pytest.raises(
        ManualActionRequired,
        match=r"no challenger on e, which was changed by hand \(the split .*abort m1 --deployed",
    ):
        resolve_target(Abort(), alone)


def test_adopt_settles_the_remaining_differences() -> None:
    _, found = applied(now(deployed(1, 50), deployed(0, 30), theirs(20)), RollBack(NEW))
    for step in plan(found, Adopt()).steps:
        found = apply_to_view(found, step)
    assert recorded_state(found) == (Roles(OLD, "7", last_challenger=NEW), {OLD: 80, "7": 20})


@pytest.mark.parametrize(
    ("split", "recorded"),
    [
        ({"1": 90}, {"1": 100}),
        ({"2": 100}, {"2": 100}),
        ({"2": 100}, {"1": 90}),
    ],
)
def test_an_invalid_record_cannot_be_written(
    split: dict[str, int], recorded: dict[str, int]
) -> None:
    assert SetTraffic({"2": 100}, Roles("1"), Action.ABORT, {"1": 100})
    empty = SetTraffic({}, Roles("1"), Action.ABORT, {"1": 100})
    assert describe_step(empty, view()) == "abort: no traffic (champion id 1, challenger none)"
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic(split, Roles("1"), Action.ABORT, recorded)
