"""What somebody changed by hand is noticed, and then adopted or restored."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import NEW, OLD, OLDER, foreign, run, seat, view, wish
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Promote,
    Restore,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.steps import Alias, Deploy, SetTraffic, Step, Undeploy
from titleholder.rollout.view import DeployedModel, View

WRITTEN = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW))


def now(*seats: DeployedModel) -> View:
    """The endpoint that a rollout left 90 to 10, as somebody changed it."""
    return replace(WRITTEN, deployed_models=seats)


def live(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in steps if not isinstance(step, Alias))


HALVES = now(seat(1, 50), seat(0, 50))
CHANGED = {
    "split": (HALVES, "the split is 50 % to m1@9 and 50 % to m1@10 instead of 90 %"),
    "promoted": (now(seat(1), seat(0, 100)), "the split is 100 % to m1@10 instead of"),
    "challenger gone": (now(seat(1, 100)), "the challenger m1@10 was undeployed"),
    "champion gone": (now(seat(0, 100)), "the champion m1@9 was undeployed"),
    "one more": (now(seat(1, 90), seat(0, 10), foreign(share=0)), r", theirs\) was deployed"),
    "all gone": (now(), "the split is empty instead of"),
}


@pytest.mark.parametrize(("found", "told"), CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize(
    "intent",
    [
        wish(generation=1),
        Promote(NEW),
        SetTrafficPercentage(NEW, 20),
        UndoPromotion(OLDER),
    ],
    ids=lambda intent: type(intent).__name__,
)
def test_nothing_is_planned_over_it(found: View, told: str, intent: object) -> None:
    with pytest.raises(DriftDetected, match=told) as refused:
        plan(found, intent)  # type: ignore[arg-type]
    assert "`python -m titleholder adopt m1`" in str(refused.value)
    assert "`python -m titleholder restore m1`" in str(refused.value)


def test_an_older_week_still_registers() -> None:
    assert plan(HALVES, wish(weeks_ago=2)).outcome == "superseded"


def test_adopt_records_what_is_there() -> None:
    assert live(plan(HALVES, Adopt()).steps) == (
        SetTraffic({OLD: 50, NEW: 50}, Roles(OLD, NEW), Action.ADOPT),
    )
    # The traffic says who was promoted by hand.
    assert live(plan(now(seat(1), seat(0, 100)), Adopt()).steps) == (
        SetTraffic({NEW: 100}, Roles(NEW, None, OLD), Action.ADOPT),
    )
    assert live(plan(now(seat(1, 100)), Adopt()).steps) == (
        SetTraffic({OLD: 100}, Roles(OLD, last_challenger=NEW), Action.ADOPT),
    )
    theirs = foreign("77", 30)
    assert live(plan(now(seat(1, 70), seat(0), theirs), Adopt()).steps) == (
        SetTraffic({OLD: 70, "77": 30}, Roles(OLD, "77", last_challenger=NEW), Action.ADOPT),
    )
    assert live(plan(now(), Adopt()).steps) == (SetTraffic({}, None, Action.ADOPT),)
    assert plan(view(), Adopt()).steps == ()
    assert live(plan(WRITTEN, Adopt()).steps) == ()


def test_adopt_asks_who_is_champion_where_nothing_tells() -> None:
    two = view(foreign("7", 60), foreign("8", 40))
    with pytest.raises(ManualActionRequired, match=r"adopt m1 --champion 7"):
        plan(two, Adopt())
    assert plan(two, Adopt("8")).steps == (
        SetTraffic({"7": 60, "8": 40}, Roles("8", "7"), Action.ADOPT),
    )
    with pytest.raises(InvalidRequest, match="id 9 has no traffic on e"):
        plan(two, Adopt("9"))


def test_adopt_refuses_what_no_rollout_knows() -> None:
    with pytest.raises(ManualActionRequired, match="3 models on e have traffic"):
        plan(now(seat(1, 60), seat(0, 20), foreign("7", 20)), Adopt())
    with pytest.raises(ManualActionRequired, match="0 models on e have traffic"):
        plan(now(seat(1), seat(0)), Adopt())
    with pytest.raises(
        ManualActionRequired, match=r"x@1 \(id 7, theirs\) on e has neither traffic nor a role"
    ):
        plan(now(seat(1, 90), seat(0, 10), foreign("7", 0)), Adopt())
    with pytest.raises(InvalidRequest, match="m1 has no endpoint"):
        plan(View("m1", None), Adopt())


def test_restore_goes_back_to_what_was_recorded() -> None:
    entry = SetTraffic({OLD: 90, NEW: 10}, Roles(OLD, NEW), Action.RESTORE)
    assert live(plan(HALVES, Restore()).steps) == (entry,)
    assert live(plan(now(seat(0, 100)), Restore()).steps) == (
        Deploy(OLD, run(1).name, run(1).name),
        entry,
    )
    theirs = foreign("7", 100)
    assert live(plan(now(theirs), Restore()).steps) == (
        Deploy(OLD, run(1).name, run(1).name),
        Deploy(NEW, run().name, run().name),
        entry,
        Undeploy("7"),
    )
    assert live(plan(WRITTEN, Restore()).steps) == ()


def test_restore_takes_the_place_of_what_an_interrupted_run_left() -> None:
    assert live(plan(now(seat(1, 100), seat(2)), Restore()).steps)[:2] == (
        Undeploy(OLDER),
        Deploy(NEW, run().name, run().name),
    )


def test_restore_refuses_what_it_cannot_do() -> None:
    with pytest.raises(InvalidRequest, match="no rollout has written to the endpoint of m1 yet"):
        plan(view(foreign()), Restore())
    gone = replace(now(), versions=())
    with pytest.raises(
        ManualActionRequired, match=rf"the champion id {OLD} is not deployed on e any more"
    ):
        plan(gone, Restore())


def test_the_labels_that_are_left_count_when_the_mark_of_a_rollout_was_deleted() -> None:
    roles = Roles(NEW, None, OLD, OLDER)
    left = view(seat(0, 100), seat(1), seat(2), roles=roles)
    left = replace(left, labels={k: v for k, v in left.labels.items() if k != "last-event"})
    taken = SetTraffic({NEW: 100}, roles, Action.ADOPT)
    assert live(plan(left, Adopt()).steps) == (taken,)
    crowned = SetTraffic({OLD: 100}, Roles(OLD, None, NEW, OLDER), Action.UNDO_PROMOTION)
    assert live(plan(left, UndoPromotion(OLD)).steps) == (taken, crowned)
    # A previous champion that has traffic again is at least challenger.
    both = replace(left, deployed_models=(seat(0, 60), seat(1, 40), seat(2)))
    shared = SetTraffic({NEW: 60, OLD: 40}, Roles(NEW, OLD, None, OLDER), Action.ADOPT)
    assert live(plan(both, Adopt()).steps) == (shared,)
    assert live(plan(both, Abort(OLD)).steps)[0] == shared
    nobody = replace(left, deployed_models=(seat(1),), labels={"previous-champion": OLD})
    with pytest.raises(ManualActionRequired, match="the champion m1@9 of e has no traffic"):
        plan(nobody, wish())
