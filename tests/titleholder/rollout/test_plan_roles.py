"""Promote, roll back, abort, share, reinstate; and each of them twice."""

import pytest

from tests.titleholder.rollout.scenes import NEW, OLD, OLDER, VERSIONS, foreign, run, seat, view
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

PAIR = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW))


def live(before: View, intent: Intent, policy: Rollout | None = None) -> tuple[Step, ...]:
    """The steps but for the registry's aliases, after a look that twice is as once."""
    steps = plan(before, intent, policy).steps
    now = before
    for step in steps:
        now = apply_to_view(now, step)
    assert plan(now, intent, policy).steps == ()
    return tuple(step for step in steps if not isinstance(step, Alias))


def test_promote_keeps_the_old_champion_warm() -> None:
    crowned = SetTraffic({NEW: 100}, Roles(NEW, None, OLD), Action.PROMOTE)
    assert live(PAIR, Promote(NEW)) == (crowned,)
    assert live(PAIR, Promote(NEW), Rollout(keep_previous_champion=False)) == (
        crowned,
        Undeploy(OLD),
    )
    assert plan(PAIR, Promote(NEW)).steps[1:] == (Alias("champion", run().name),)


def test_promote_takes_an_even_older_champion_down() -> None:
    three = view(seat(1, 90), seat(0, 10), seat(2), roles=Roles(OLD, NEW, OLDER))
    assert live(three, Promote(NEW))[0] == Undeploy(OLDER)


def test_roll_back_and_abort() -> None:
    back = Roles(OLD, last_challenger=NEW)
    assert live(PAIR, Abort(NEW)) == (SetTraffic({OLD: 100}, back, Action.ABORT),)
    assert live(PAIR, RollBack(NEW)) == (
        SetTraffic({OLD: 100}, back, Action.ROLLBACK),
        Undeploy(NEW),
    )
    aborted = view(seat(1, 100), seat(0), roles=back)
    assert live(aborted, RollBack(NEW)) == (Undeploy(NEW),)
    assert live(aborted, SetTrafficPercentage(NEW, 5)) == (
        SetTraffic({OLD: 95, NEW: 5}, Roles(OLD, NEW), Action.SET_TRAFFIC),
    )


def test_a_role_takes_its_alias_along() -> None:
    named = tuple(
        type(v)(v.number, v.aliases | {"challenger"}) if v.number == "10" else v for v in VERSIONS
    )
    pair = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW), versions=named)
    assert Alias("challenger", run().name, remove=True) in plan(pair, Abort(NEW)).steps


@pytest.mark.parametrize("share", [1, 50, 99])
def test_any_share(share: int) -> None:
    changed = SetTraffic({OLD: 100 - share, NEW: share}, Roles(OLD, NEW), Action.SET_TRAFFIC)
    assert live(PAIR, SetTrafficPercentage(NEW, share)) == (changed,)


def test_reinstate_is_one_write_while_the_previous_champion_is_warm() -> None:
    warm = view(seat(0, 100), seat(1), roles=Roles(NEW, None, OLD))
    assert live(warm, UndoPromotion(OLD)) == (
        SetTraffic({OLD: 100}, Roles(OLD, None, NEW), Action.UNDO_PROMOTION),
    )
    beside = view(seat(1, 90), seat(0, 10), seat(2), roles=Roles(OLD, NEW, OLDER))
    assert live(beside, UndoPromotion(OLDER)) == (
        SetTraffic({OLDER: 100}, Roles(OLDER, None, OLD, NEW), Action.UNDO_PROMOTION),
    )


def test_reinstate_takes_the_place_of_what_an_interrupted_run_left() -> None:
    alone = view(seat(0, 100), seat(2), roles=Roles(NEW, None, OLD))
    assert plan(alone, UndoPromotion(OLD)).steps[:2] == (
        Undeploy(OLDER),
        Deploy(OLD, run(1).name, run(1).name),
    )


def test_reinstate_deploys_from_the_registry_what_left() -> None:
    cold = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW, OLDER))
    again = Deploy(OLDER, run(2).name, run(2).name)
    assert live(cold, UndoPromotion(OLDER)) == (
        SetTraffic({OLD: 100}, Roles(OLD, None, OLDER, NEW), Action.REMOVE_CHALLENGER),
        Undeploy(NEW),
        again,
        SetTraffic({OLDER: 100}, Roles(OLDER, None, OLD, NEW), Action.UNDO_PROMOTION),
    )
    assert live(cold, UndoPromotion(OLDER), Rollout(replacement="surge"))[0] == again
    with pytest.raises(ManualActionRequired, match="the registry has no version of m1"):
        plan(view(seat(0, 100), roles=Roles(NEW, None, "77")), UndoPromotion("77"))


def test_changes_to_an_endpoint_not_made_by_us_adopt_it_first() -> None:
    named = view(
        foreign("111", 90, display_name="linnerud-champion-model"),
        foreign("222", 10, display_name="linnerud-challenger-model"),
    )
    assert live(named, Promote("222")) == (
        SetTraffic({"111": 90, "222": 10}, Roles("111", "222"), Action.ADOPT),
        SetTraffic({"222": 100}, Roles("222", None, "111"), Action.PROMOTE),
    )


@pytest.mark.parametrize(
    "wish", [Promote, RollBack, Abort, lambda name: SetTrafficPercentage(name, 20)]
)
def test_whoever_is_not_challenger_is_refused(wish: object) -> None:
    with pytest.raises(InvalidRequest, match=r"m1@8 is not the challenger on e \(it is m1@10\)"):
        plan(PAIR, wish(OLDER))  # type: ignore[operator]
    alone = view(seat(0, 100), roles=Roles(NEW, None, OLD))
    with pytest.raises(InvalidRequest, match=r"is not the challenger on e \(there is none\)"):
        plan(alone, wish(OLDER))  # type: ignore[operator]
    if wish is not Promote:
        with pytest.raises(
            ManualActionRequired, match="is champion of e already; to undo that, use"
        ):
            plan(alone, wish(NEW))  # type: ignore[operator]


def test_refusals() -> None:
    with pytest.raises(InvalidRequest, match="1 to 99 per cent, not 100; use promote"):
        plan(PAIR, SetTrafficPercentage(NEW, 100))
    with pytest.raises(InvalidRequest, match="m1 has no endpoint yet"):
        plan(View("m1", None), Promote(NEW))
    with pytest.raises(InvalidRequest, match="e has no champion yet"):
        plan(view(), Promote(NEW))
    sentence = r"m1@8 is not the previous champion of e \(it is m1@9\)"
    with pytest.raises(InvalidRequest, match=sentence):
        plan(view(seat(0, 100), roles=Roles(NEW, None, OLD)), UndoPromotion(OLDER))


def test_only_a_person_brings_a_withdrawn_model_back() -> None:
    aborted = view(seat(1, 100), seat(0), roles=Roles(OLD, last_challenger=NEW))
    assert plan(aborted, SetTrafficPercentage(NEW, 25)).steps
    with pytest.raises(ManualActionRequired, match="is not the challenger on e"):
        plan(aborted, SetTrafficPercentage(NEW, 25, only_current_challenger=True))
