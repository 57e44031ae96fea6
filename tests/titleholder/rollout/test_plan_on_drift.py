"""Taking traffic from a model works on an endpoint that was changed by hand, and adopts nothing."""

from dataclasses import replace

import pytest
from titleholder.rollout.outcome import Plan
from titleholder.rollout.wishes import Wish, resolve_target

from tests.titleholder.rollout.scenes import NEW, OLD, OLDER, foreign, seat, view
from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.descriptions import describe_change, describe_step
from titleholder.rollout.intents import Abort, Adopt, Promote, Restore, RollBack
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles, drift, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, SetTraffic, Undeploy
from titleholder.rollout.view import DeployedModel, View

WRITTEN = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW, last_challenger=OLDER))
LEFT = Roles(OLD, last_challenger=NEW)


def now(*seats: DeployedModel) -> View:
    """The endpoint that a rollout left 90 to 10, as it was changed by hand."""
    return replace(WRITTEN, deployed_models=seats)


def theirs(share: int, name: str = "7") -> DeployedModel:
    return foreign(name, share)


def played(before: View, wish: Abort | RollBack) -> tuple[Plan, View]:
    """The plan, and the view after it, from where the same again changes nothing."""
    decided = plan(before, wish)
    found = before
    for step in decided.steps:
        found = apply_to_view(found, step)
    assert not plan(found, wish).steps
    return decided, found


# What was changed, the split without the challenger, and what still differs afterwards.
CHANGED: dict[str, tuple[View, dict[str, int], tuple[str, ...]]] = {
    "the split": (now(seat(1, 50), seat(0, 50)), {OLD: 100}, ()),
    "it was promoted": (now(seat(1), seat(0, 100)), {OLD: 100}, ()),
    "it has no traffic": (now(seat(1, 100), seat(0)), {OLD: 100}, ()),
    "it was undeployed": (now(seat(1, 100)), {OLD: 100}, ()),
    "one more has traffic": (
        now(seat(1, 50), seat(0, 30), theirs(20)),
        {OLD: 80, "7": 20},
        (
            "the split is 80 % to m1@9 and 20 % to x@1 instead of 100 % to m1@9",
            "x@1 (id 7, theirs) was",
        ),
    ),
    "one more was deployed": (
        now(seat(1, 90), seat(0, 10), theirs(0)),
        {OLD: 100},
        ("x@1 (id 7, theirs) was deployed",),
    ),
    "the champion was undeployed": (
        now(seat(0, 70), theirs(10), theirs(20, "8")),
        {"7": 10, "8": 90},
        ("the champion m1@9 was undeployed", "the split is ", "x@1 (id 7, ", "x@1 (id 8, "),
    ),
    "all that is left has no traffic": (
        now(seat(0, 100), seat(2)),
        {OLDER: 100},
        ("the champion m1@9 was undeployed", "the split is ", f"m1@8 (id {OLDER}, "),
    ),
    "no model has traffic": (
        now(seat(1), seat(0)),
        {},
        ("the split is empty instead of 100 % to m1@9",),
    ),
    "no model is deployed": (
        now(),
        {},
        ("the champion m1@9 was undeployed", "the split is empty"),
    ),
}


@pytest.mark.parametrize("wish", [Abort(NEW), RollBack(NEW)], ids=["abort", "rollback"])
@pytest.mark.parametrize(("before", "split", "owed"), CHANGED.values(), ids=CHANGED)
def test_taking_traffic_from_a_challenger_always_works(
    before: View, split: dict[str, int], owed: tuple[str, ...], wish: Abort | RollBack
) -> None:
    decided, found = played(before, wish)
    assert found.split == split
    assert not any(isinstance(step, Alias) for step in decided.steps) or not owed
    deployed = {one.id for one in before.deployed_models} - (
        {NEW} if isinstance(wish, RollBack) else set()
    )
    assert {one.id for one in found.deployed_models} == deployed
    # The record is as it was but for the challenger, so that what else differs is still drift.
    assert recorded_state(found) == (LEFT, {OLD: 100})
    differences = drift(found)
    assert len(differences) == len(owed) == len(decided.owed)
    assert all(map(str.startswith, differences, owed))
    assert decided.by_hand == tuple(drift(before))
    for difference in decided.by_hand:
        assert difference in decided.summary
    for step in decided.steps:
        if isinstance(step, SetTraffic):
            reason = describe_change(before, step, wish)
            assert all(difference in reason for difference in decided.by_hand)
            assert reason.startswith(("m1@10 leaves, on", "m1@10 gets no more requests"))
    settled = "`python -m titleholder adopt m1`" in decided.summary
    assert settled == ("titleholder restore m1`" in decided.summary) == bool(owed)
    assert ("is as it was recorded now" in decided.summary) == (not owed)
    again = plan(found, wish).summary
    assert ("still differs from what was recorded" in again) == bool(owed)


@pytest.mark.parametrize("owed", [one for one in CHANGED.values() if one[2]])
def test_what_is_owed_is_settled_by_adopt_or_restore(owed: tuple[View, object, object]) -> None:
    _, found = played(owed[0], Abort(NEW))
    with pytest.raises(DriftDetected, match="was changed by hand"):
        plan(found, Abort(OLD))
    for step in plan(found, Restore()).steps:
        found = apply_to_view(found, step)
    assert found.split == {OLD: 100}
    assert not drift(found)


def test_a_model_that_a_person_brought_loses_its_traffic_by_its_id() -> None:
    before = now(seat(1, 60), seat(0, 10), theirs(30))
    decided, found = played(before, Abort("7"))
    assert found.split == {OLD: 90, NEW: 10}
    assert recorded_state(found) == (Roles(OLD, NEW, last_challenger="7"), {OLD: 90, NEW: 10})
    assert not decided.owed
    assert plan(before, RollBack("7")).steps[1] == Undeploy("7")
    # The shares of the others, which were changed too, are not taken for recorded.
    halves = now(seat(1, 40), seat(0, 40), theirs(20))
    decided, found = played(halves, Abort("7"))
    assert found.split == {OLD: 60, NEW: 40}
    assert recorded_state(found) == (Roles(OLD, NEW, last_challenger="7"), {OLD: 90, NEW: 10})
    assert decided.owed == (
        "the split is 60 % to m1@9 and 40 % to m1@10 instead of 90 % to m1@9 and 10 % to m1@10",
    )
    step = next(step for step in decided.steps if isinstance(step, SetTraffic))
    assert step.recorded == {OLD: 90, NEW: 10}


def test_so_does_a_previous_champion_that_was_given_traffic_again() -> None:
    written = view(seat(0, 100), seat(1), roles=Roles(NEW, None, OLD))
    before = replace(written, deployed_models=(seat(0, 40), seat(1, 60)))
    _, found = played(before, Abort(OLD))
    assert found.split == {NEW: 100}
    assert recorded_state(found) == (Roles(NEW, last_challenger=OLD), {NEW: 100})


def test_what_cannot_be_taken_is_refused() -> None:
    with pytest.raises(
        ManualActionRequired, match="m1@10 is the only model deployed on e, so there is none"
    ):
        plan(now(seat(0, 100)), Abort(NEW))
    for unknown in (OLD, "77"):
        with pytest.raises(DriftDetected, match="was changed by hand"):
            plan(now(seat(1, 50), seat(0, 50)), RollBack(unknown))


def test_the_model_is_read_off_the_record() -> None:
    before = now(seat(1, 50), seat(0, 50))
    for kind in ("abort", "rollback"):
        assert resolve_target(Wish(kind), before) == Wish(kind, NEW)
    _, found = played(now(seat(1, 50), seat(0, 30), theirs(20)), Abort(NEW))
    assert resolve_target(Abort(), found) == Abort(NEW)
    with pytest.raises(DriftDetected):
        resolve_target(Promote(), before)
    alone = replace(view(seat(1, 80), theirs(20)), labels=view(roles=Roles(OLD)).labels)
    with pytest.raises(
        ManualActionRequired,
        match=r"no challenger on e, which was changed by hand \(the split .*abort m1 --id",
    ):
        resolve_target(Abort(), alone)


def test_an_adopted_endpoint_goes_on_from_there() -> None:
    _, found = played(now(seat(1, 50), seat(0, 30), theirs(20)), RollBack(NEW))
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
def test_a_record_that_is_none_cannot_be_written(
    split: dict[str, int], recorded: dict[str, int]
) -> None:
    assert SetTraffic({"2": 100}, Roles("1"), Action.ABORT, {"1": 100})
    empty = SetTraffic({}, Roles("1"), Action.ABORT, {"1": 100})
    assert describe_step(empty, view()) == "abort: no traffic (champion id 1, challenger none)"
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic(split, Roles("1"), Action.ABORT, recorded)
