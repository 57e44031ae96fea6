"""Intents: as JSON, their arguments, and the deployed model that each is about."""

from dataclasses import replace
from typing import Any

import pytest

from tests.titleholder.rollout.scenes import (
    ALONE,
    HALVES,
    KEPT,
    LEFT,
    NEW,
    OLD,
    OLDER,
    PAIR,
    deployed,
    run,
)
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
    UpdateResources,
    intent_from,
    intent_to_json,
    resolve_target,
)
from titleholder.rollout.view import View


@pytest.mark.parametrize(
    "intent",
    [Promote("1"), RollBack(), SetTrafficPercentage("2", 30), UpdateResources(), Restore("3")],
)
def test_an_intent_is_json_and_read_again(intent: Any) -> None:
    written = intent_to_json(intent)
    assert written.keys() == {"name", "deployed_model_id", "traffic_percentage"}
    assert intent_from(**written) == intent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", None, 5), "promote takes no traffic percentage; leave the 5 out"),
        (("set_traffic", "1", None), "the traffic percentage is missing; write one from 1 to 99"),
        (
            ("update_resources", "1", None),
            "update_resources takes no deployed model id; leave the 1 out, as all models get the "
            "settings",
        ),
    ],
)
def test_invalid_arguments_of_intents(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        intent_from(*arguments)
    assert str(raised.value) == message


def test_a_target_must_be_resolved_first() -> None:
    with pytest.raises(ValueError, match="names no deployed model; resolve its target first"):
        Promote().target  # noqa: B018


def done(found: View, action: str) -> View:
    return replace(found, labels={**found.labels, "last-event": f"{action}-1"})


@pytest.mark.parametrize(
    ("found", "intent", "target"),
    [
        (PAIR, Promote(), NEW),
        (done(KEPT, "promote"), Promote(), NEW),
        (KEPT, UndoPromotion(), OLD),
        (done(KEPT, "undo_promotion"), UndoPromotion(), NEW),
        (PAIR, Abort(), NEW),
        (done(LEFT, "abort"), Abort(), NEW),
        (done(LEFT, "rollback"), RollBack(), NEW),
        (LEFT, RollBack(), NEW),
        (LEFT, SetTrafficPercentage(None, 5), NEW),
        (HALVES, Abort(), NEW),
        (PAIR, RollBack("7"), "7"),
        (PAIR, Adopt(), None),
    ],
)
def test_the_target_of_an_intent(found: View, intent: Any, target: str | None) -> None:
    assert resolve_target(intent, found).deployed_model_id == target


@pytest.mark.parametrize(
    ("found", "intent", "message"),
    [
        (ALONE, Promote(), "there is no challenger on e; look at `titleholder status m1`"),
        (ALONE, UndoPromotion(), "there is no previous champion on e; look at"),
        (
            KEPT,
            RollBack(),
            "there is no challenger on e; to bring the previous champion m1@9 back, use "
            f"`titleholder undo-promotion m1 --deployed-model-id {OLD}`",
        ),
        (ALONE, RollBack(), "there is no challenger on e; look at `titleholder status m1`"),
        (
            replace(ALONE, deployed_models=(deployed(1, 50), deployed(2, 50))),
            Abort(),
            "there is no challenger on e, which was changed by hand (the split is 50 % to m1@9 and "
            f"50 % to m1@8 instead of 100 % to m1@9; m1@8 (id {OLDER}, {run(2).name}) was "
            "deployed); name the model that has to lose its traffic with `titleholder abort m1 "
            "--deployed-model-id ID`",
        ),
    ],
)
def test_an_intent_without_a_target(found: View, intent: Any, message: str) -> None:
    with pytest.raises((InvalidRequest, ManualActionRequired)) as raised:
        resolve_target(intent, found)
    assert str(raised.value).startswith(message)
