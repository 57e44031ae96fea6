"""Manual changes of an endpoint are detected, and then adopted or restored."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import (
    NEW,
    OLD,
    OLDER,
    candidate,
    deployed,
    foreign,
    run,
    view,
)
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

PAIR = (deployed(1, 90), deployed(0, 10))
RECORDED = view(*PAIR, roles=Roles(OLD, NEW))


def now(*models: DeployedModel) -> View:
    """The endpoint with the recorded split 90 to 10, after manual changes."""
    return replace(RECORDED, deployed_models=models)


def without_aliases(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in steps if not isinstance(step, Alias))


HALVES = now(deployed(1, 50), deployed(0, 50))
CHANGED = {
    "split": (HALVES, "the split is 50 % to m1@9 and 50 % to m1@10 instead of 90 %"),
    "promoted": (now(deployed(1), deployed(0, 100)), "the split is 100 % to m1@10 instead of"),
    "challenger undeployed": (now(deployed(1, 100)), "the challenger m1@10 was undeployed"),
    "champion undeployed": (now(deployed(0, 100)), "the champion m1@9 was undeployed"),
    "another model": (
        now(deployed(1, 90), deployed(0, 10), foreign(percentage=0)),
        r", theirs\) was deployed",
    ),
    "no model": (now(), "the split is empty instead of"),
}


@pytest.mark.parametrize(("found", "message"), CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize(
    "intent",
    [
        candidate(generation=1),
        Promote(NEW),
        SetTrafficPercentage(NEW, 20),
        UndoPromotion(OLDER),
    ],
    ids=lambda intent: type(intent).__name__,
)
def test_other_plans_are_errors_on_drift(found: View, message: str, intent: object) -> None:
    with pytest.raises(DriftDetected, match=message) as raised:
        plan(found, intent)  # type: ignore[arg-type]
    assert "`titleholder adopt m1`" in str(raised.value)
    assert "`titleholder restore m1`" in str(raised.value)


def test_an_older_interval_is_still_registered() -> None:
    assert plan(HALVES, candidate(weeks_ago=2)).outcome == "superseded"


def test_adopt_records_the_endpoint() -> None:
    assert without_aliases(plan(HALVES, Adopt()).steps) == (
        SetTraffic({OLD: 50, NEW: 50}, Roles(OLD, NEW), Action.ADOPT),
    )
    # The model with all traffic was promoted by hand.
    assert without_aliases(plan(now(deployed(1), deployed(0, 100)), Adopt()).steps) == (
        SetTraffic({NEW: 100}, Roles(NEW, None, OLD), Action.ADOPT),
    )
    assert without_aliases(plan(now(deployed(1, 100)), Adopt()).steps) == (
        SetTraffic({OLD: 100}, Roles(OLD, last_challenger=NEW), Action.ADOPT),
    )
    theirs = foreign("77", 30)
    assert without_aliases(plan(now(deployed(1, 70), deployed(0), theirs), Adopt()).steps) == (
        SetTraffic({OLD: 70, "77": 30}, Roles(OLD, "77", last_challenger=NEW), Action.ADOPT),
    )
    assert without_aliases(plan(now(), Adopt()).steps) == (SetTraffic({}, None, Action.ADOPT),)
    assert plan(view(), Adopt()).steps == ()
    assert without_aliases(plan(RECORDED, Adopt()).steps) == ()


def test_adopt_needs_the_champion_where_it_is_not_known() -> None:
    two = view(foreign("7", 60), foreign("8", 40))
    with pytest.raises(ManualActionRequired, match=r"adopt m1 --deployed-model-id 7"):
        plan(two, Adopt())
    assert plan(two, Adopt("8")).steps == (
        SetTraffic({"7": 60, "8": 40}, Roles("8", "7"), Action.ADOPT),
    )
    with pytest.raises(InvalidRequest, match="id 9 has no traffic on e"):
        plan(two, Adopt("9"))


def test_adopt_errors() -> None:
    with pytest.raises(ManualActionRequired, match="3 models on e have traffic"):
        plan(now(deployed(1, 60), deployed(0, 20), foreign("7", 20)), Adopt())
    with pytest.raises(ManualActionRequired, match="0 models on e have traffic"):
        plan(now(deployed(1), deployed(0)), Adopt())
    with pytest.raises(
        ManualActionRequired, match=r"x@1 \(id 7, theirs\) on e has neither traffic nor a role"
    ):
        plan(now(deployed(1, 90), deployed(0, 10), foreign("7", 0)), Adopt())
    with pytest.raises(InvalidRequest, match="m1 has no endpoint"):
        plan(View("m1", None), Adopt())


def test_restore_returns_to_the_recorded_state() -> None:
    write = SetTraffic({OLD: 90, NEW: 10}, Roles(OLD, NEW), Action.RESTORE)
    assert without_aliases(plan(HALVES, Restore()).steps) == (write,)
    assert without_aliases(plan(now(deployed(0, 100)), Restore()).steps) == (
        Deploy(OLD, run(1).name, run(1).name),
        write,
    )
    theirs = foreign("7", 100)
    assert without_aliases(plan(now(theirs), Restore()).steps) == (
        Deploy(OLD, run(1).name, run(1).name),
        Deploy(NEW, run().name, run().name),
        write,
        Undeploy("7"),
    )
    assert without_aliases(plan(RECORDED, Restore()).steps) == ()


def test_restore_undeploys_an_orphan_first() -> None:
    assert without_aliases(plan(now(deployed(1, 100), deployed(2)), Restore()).steps)[:2] == (
        Undeploy(OLDER),
        Deploy(NEW, run().name, run().name),
    )


def test_restore_errors() -> None:
    with pytest.raises(InvalidRequest, match="no rollout has written to the endpoint of m1 yet"):
        plan(view(foreign()), Restore())
    unregistered = replace(now(), versions=())
    with pytest.raises(
        ManualActionRequired, match=rf"the champion id {OLD} is not deployed on e any more"
    ):
        plan(unregistered, Restore())


def test_without_the_last_event_label_the_other_labels_count() -> None:
    roles = Roles(NEW, None, OLD, OLDER)
    found = view(deployed(0, 100), deployed(1), deployed(2), roles=roles)
    found = replace(found, labels={k: v for k, v in found.labels.items() if k != "last-event"})
    adopted = SetTraffic({NEW: 100}, roles, Action.ADOPT)
    assert without_aliases(plan(found, Adopt()).steps) == (adopted,)
    undone = SetTraffic({OLD: 100}, Roles(OLD, None, NEW, OLDER), Action.UNDO_PROMOTION)
    assert without_aliases(plan(found, UndoPromotion(OLD)).steps) == (adopted, undone)
    # A previous champion that has traffic again is the challenger.
    both = replace(found, deployed_models=(deployed(0, 60), deployed(1, 40), deployed(2)))
    shared = SetTraffic({NEW: 60, OLD: 40}, Roles(NEW, OLD, None, OLDER), Action.ADOPT)
    assert without_aliases(plan(both, Adopt()).steps) == (shared,)
    assert without_aliases(plan(both, Abort(OLD)).steps)[0] == shared
    inactive = replace(found, deployed_models=(deployed(1),), labels={"previous-champion": OLD})
    with pytest.raises(ManualActionRequired, match="the champion m1@9 of e has no traffic"):
        plan(inactive, candidate())
