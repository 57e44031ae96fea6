"""Plans that change roles; each is also applied twice."""

import pytest

from tests.titleholder.rollout.scenes import (
    NEW,
    OLD,
    OLDER,
    PAIR,
    VERSIONS,
    deployed,
    foreign,
    run,
    view,
)
from titleholder.config.rollout import Rollout
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.intents import (
    Abort,
    Intent,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, Deploy, SetTraffic, Step, Undeploy
from titleholder.rollout.view import View


def steps_of(before: View, intent: Intent, policy: Rollout | None = None) -> tuple[Step, ...]:
    """The steps without aliases, after a check that the repeated plan has no steps."""
    steps = plan(before, intent, policy).steps
    now = before
    for step in steps:
        now = apply_to_view(now, step)
    assert plan(now, intent, policy).steps == ()
    return tuple(step for step in steps if not isinstance(step, Alias))


def test_promote_keeps_the_previous_champion_deployed() -> None:
    promoted = SetTraffic({NEW: 100}, Roles(NEW, None, OLD), Action.PROMOTE)
    assert steps_of(PAIR, Promote(NEW)) == (promoted,)
    assert steps_of(PAIR, Promote(NEW), Rollout(keep_previous_champion=False)) == (
        promoted,
        Undeploy(OLD),
    )
    assert plan(PAIR, Promote(NEW)).steps[1:] == (Alias("champion", run().name),)


def test_promote_undeploys_the_previous_champion_before() -> None:
    three = view(deployed(1, 90), deployed(0, 10), deployed(2), roles=Roles(OLD, NEW, OLDER))
    assert steps_of(three, Promote(NEW))[0] == Undeploy(OLDER)


def test_roll_back_and_abort() -> None:
    roles = Roles(OLD, last_challenger=NEW)
    assert steps_of(PAIR, Abort(NEW)) == (SetTraffic({OLD: 100}, roles, Action.ABORT),)
    assert steps_of(PAIR, RollBack(NEW)) == (
        SetTraffic({OLD: 100}, roles, Action.ROLLBACK),
        Undeploy(NEW),
    )
    aborted = view(deployed(1, 100), deployed(0), roles=roles)
    assert steps_of(aborted, RollBack(NEW)) == (Undeploy(NEW),)
    assert steps_of(aborted, SetTrafficPercentage(NEW, 5)) == (
        SetTraffic({OLD: 95, NEW: 5}, Roles(OLD, NEW), Action.SET_TRAFFIC),
    )


def test_the_alias_follows_the_role() -> None:
    with_alias = tuple(
        type(v)(v.number, v.aliases | {"challenger"}) if v.number == "10" else v for v in VERSIONS
    )
    pair = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW), versions=with_alias)
    assert Alias("challenger", run().name, remove=True) in plan(pair, Abort(NEW)).steps


@pytest.mark.parametrize("percentage", [1, 50, 99])
def test_set_traffic(percentage: int) -> None:
    changed = SetTraffic(
        {OLD: 100 - percentage, NEW: percentage}, Roles(OLD, NEW), Action.SET_TRAFFIC
    )
    assert steps_of(PAIR, SetTrafficPercentage(NEW, percentage)) == (changed,)


def test_undo_promotion_is_one_write_while_the_previous_champion_is_deployed() -> None:
    kept = view(deployed(0, 100), deployed(1), roles=Roles(NEW, None, OLD))
    assert steps_of(kept, UndoPromotion(OLD)) == (
        SetTraffic({OLD: 100}, Roles(OLD, None, NEW), Action.UNDO_PROMOTION),
    )
    beside = view(deployed(1, 90), deployed(0, 10), deployed(2), roles=Roles(OLD, NEW, OLDER))
    assert steps_of(beside, UndoPromotion(OLDER)) == (
        SetTraffic({OLDER: 100}, Roles(OLDER, None, OLD, NEW), Action.UNDO_PROMOTION),
    )


def test_undo_promotion_undeploys_an_orphan_first() -> None:
    alone = view(deployed(0, 100), deployed(2), roles=Roles(NEW, None, OLD))
    assert plan(alone, UndoPromotion(OLD)).steps[:2] == (
        Undeploy(OLDER),
        Deploy(OLD, run(1).name, run(1).name),
    )


def test_undo_promotion_deploys_from_the_registry() -> None:
    undeployed = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW, OLDER))
    again = Deploy(OLDER, run(2).name, run(2).name)
    assert steps_of(undeployed, UndoPromotion(OLDER)) == (
        SetTraffic({OLD: 100}, Roles(OLD, None, OLDER, NEW), Action.REMOVE_CHALLENGER),
        Undeploy(NEW),
        again,
        SetTraffic({OLDER: 100}, Roles(OLDER, None, OLD, NEW), Action.UNDO_PROMOTION),
    )
    assert steps_of(undeployed, UndoPromotion(OLDER), Rollout(replacement="surge"))[0] == again
    with pytest.raises(ManualActionRequired, match="the registry has no version of m1"):
        plan(view(deployed(0, 100), roles=Roles(NEW, None, "77")), UndoPromotion("77"))


def test_an_endpoint_without_labels_is_adopted_first() -> None:
    named = view(
        foreign("111", 90, display_name="linnerud-champion-model"),
        foreign("222", 10, display_name="linnerud-challenger-model"),
    )
    assert steps_of(named, Promote("222")) == (
        SetTraffic({"111": 90, "222": 10}, Roles("111", "222"), Action.ADOPT),
        SetTraffic({"222": 100}, Roles("222", None, "111"), Action.PROMOTE),
    )


@pytest.mark.parametrize(
    "intent", [Promote, RollBack, Abort, lambda name: SetTrafficPercentage(name, 20)]
)
def test_a_model_that_is_not_the_challenger_is_an_error(intent: object) -> None:
    with pytest.raises(InvalidRequest, match=r"m1@8 is not the challenger on e \(it is m1@10\)"):
        plan(PAIR, intent(OLDER))  # type: ignore[operator]
    alone = view(deployed(0, 100), roles=Roles(NEW, None, OLD))
    with pytest.raises(InvalidRequest, match=r"is not the challenger on e \(there is none\)"):
        plan(alone, intent(OLDER))  # type: ignore[operator]
    if intent is not Promote:
        with pytest.raises(
            ManualActionRequired, match="is champion of e already; to undo that, use"
        ):
            plan(alone, intent(NEW))  # type: ignore[operator]


def test_errors() -> None:
    with pytest.raises(InvalidRequest, match="is 1 to 99, not 100; use promote"):
        plan(PAIR, SetTrafficPercentage(NEW, 100))
    with pytest.raises(InvalidRequest, match="m1 has no endpoint yet"):
        plan(View("m1", None), Promote(NEW))
    with pytest.raises(InvalidRequest, match="e has no champion yet"):
        plan(view(), Promote(NEW))
    sentence = r"m1@8 is not the previous champion of e \(it is m1@9\)"
    with pytest.raises(InvalidRequest, match=sentence):
        plan(view(deployed(0, 100), roles=Roles(NEW, None, OLD)), UndoPromotion(OLDER))


def test_only_current_challenger_keeps_the_last_challenger_without_traffic() -> None:
    aborted = view(deployed(1, 100), deployed(0), roles=Roles(OLD, last_challenger=NEW))
    assert plan(aborted, SetTrafficPercentage(NEW, 25)).steps
    with pytest.raises(ManualActionRequired, match="is not the challenger on e"):
        plan(aborted, SetTrafficPercentage(NEW, 25, only_current_challenger=True))
