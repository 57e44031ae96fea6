"""The sentences about steps and changes, in logs, errors and events."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import (
    EMPTY,
    NEW,
    OLD,
    OLDER,
    candidate,
    deployed,
    run,
    view,
)
from titleholder.events.event import Action
from titleholder.rollout.descriptions import (
    describe_change,
    describe_reconstructed,
    describe_step,
)
from titleholder.rollout.intents import Adopt, Intent, RollBack, UndoPromotion
from titleholder.rollout.roles import Roles
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import View

# m1@8, m1@9 and m1@10 are OLDER, OLD and NEW.
ALONE = view(deployed(1, 100), deployed(0), roles=Roles(OLD))
PAIR = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW))
NEXT = view(deployed(2, 90), deployed(1, 10), deployed(0), roles=Roles(OLDER, OLD))
BACK = view(deployed(2), deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW, OLDER))
LAST = view(deployed(1, 100), deployed(0), roles=Roles(OLD, None, None, NEW))
BY_HAND = replace(PAIR, deployed_models=(deployed(1, 50), deployed(0, 50)))
HAND = (
    ", on an endpoint that was changed by hand (the split is 50 % to m1@9 and 50 % to m1@10 "
    "instead of 90 % to m1@9 and 10 % to m1@10)"
)
NO_CHALLENGER = Roles(OLD, None, None, NEW)
GONE = Roles(OLDER, None, None, OLD)


@pytest.mark.parametrize(
    ("before", "split", "roles", "action", "intent", "text"),
    [
        (
            view(deployed(0)),
            {NEW: 100},
            Roles(NEW),
            Action.FIRST_CHAMPION,
            candidate(0),
            "m1@10 becomes champion, as there was none: it receives 100 %",
        ),
        (
            ALONE,
            {OLD: 80, NEW: 20},
            Roles(OLD, NEW),
            Action.DEPLOY_CHALLENGER,
            candidate(0),
            "m1@10 becomes challenger: it receives 20 %, the champion m1@9 80 %",
        ),
        (
            NEXT,
            {OLDER: 80, NEW: 20},
            Roles(OLDER, NEW, None, OLD),
            Action.DEPLOY_CHALLENGER,
            candidate(0),
            "m1@10 becomes challenger in the place of m1@9: it receives 20 %, the champion m1@8 "
            "80 %",
        ),
        (
            NEXT,
            {OLDER: 100},
            GONE,
            Action.REMOVE_CHALLENGER,
            candidate(0),
            "m1@9 leaves for m1@10: the champion m1@8 receives 100 %",
        ),
        (
            NEXT,
            {OLDER: 100},
            GONE,
            Action.REMOVE_CHALLENGER,
            UndoPromotion(NEW),
            "m1@9 leaves for m1@10: the champion m1@8 receives 100 %",
        ),
        (
            NEXT,
            {OLDER: 100},
            GONE,
            Action.REMOVE_CHALLENGER,
            RollBack(OLD),
            "m1@9 leaves: the champion m1@8 receives 100 %",
        ),
        (
            PAIR,
            {OLD: 100},
            NO_CHALLENGER,
            Action.ROLLBACK,
            RollBack(NEW),
            "m1@10 leaves: the champion m1@9 receives 100 %",
        ),
        (
            BY_HAND,
            {OLD: 100},
            NO_CHALLENGER,
            Action.ROLLBACK,
            RollBack(NEW),
            f"m1@10 leaves{HAND}: the champion m1@9 receives 100 %",
        ),
        (
            BY_HAND,
            {},
            NO_CHALLENGER,
            Action.ABORT,
            RollBack(NEW),
            f"m1@10 receives no more traffic and stays deployed{HAND}: no traffic is left",
        ),
        (
            BACK,
            {OLD: 60, OLDER: 40},
            Roles(OLD, None, OLDER, NEW),
            Action.ABORT,
            RollBack(NEW),
            "m1@10 receives no more traffic and stays deployed: 60 % to m1@9 and 40 % to m1@8",
        ),
        (
            PAIR,
            {NEW: 100},
            Roles(NEW, None, OLD),
            Action.PROMOTE,
            RollBack(NEW),
            "m1@10 becomes champion instead of m1@9: it receives 100 %",
        ),
        (
            BACK,
            {OLDER: 100},
            Roles(OLDER, None, OLD, NEW),
            Action.UNDO_PROMOTION,
            UndoPromotion(OLDER),
            "m1@8 becomes champion again instead of m1@9: it receives 100 %, and the challenger "
            "m1@10 none",
        ),
        (
            view(deployed(1), deployed(0, 100), roles=Roles(NEW, None, OLD)),
            {OLD: 100},
            Roles(OLD, None, NEW),
            Action.UNDO_PROMOTION,
            UndoPromotion(OLD),
            "m1@9 becomes champion again instead of m1@10: it receives 100 %",
        ),
        (
            LAST,
            {OLD: 70, NEW: 30},
            Roles(OLD, NEW),
            Action.SET_TRAFFIC,
            Adopt(),
            "m1@10 comes back as challenger: it receives 30 %, the champion m1@9 70 %",
        ),
        (
            PAIR,
            {OLD: 70, NEW: 30},
            Roles(OLD, NEW),
            Action.SET_TRAFFIC,
            Adopt(),
            "m1@10 goes from 10 % to 30 %: the champion m1@9 receives 70 %",
        ),
        (
            PAIR,
            {OLD: 90, NEW: 10},
            Roles(OLD, NEW),
            Action.UPDATE_RESOURCES,
            Adopt(),
            "machine settings change; 90 % to m1@9 and 10 % to m1@10 (champion m1@9, challenger "
            "m1@10)",
        ),
        (
            BY_HAND,
            {OLD: 90, NEW: 10},
            Roles(OLD, NEW),
            Action.RESTORE,
            Adopt(),
            "returned to what was recorded: m1@9 champion with 90 %, m1@10 challenger with 10 %",
        ),
        (
            ALONE,
            {OLD: 100},
            Roles(OLD),
            Action.ADOPT,
            Adopt(),
            "recorded as it is: m1@9 champion with 100 %",
        ),
        (EMPTY, {}, None, Action.ADOPT, Adopt(), "recorded as it is: no model is deployed"),
    ],
)
def test_the_reason_of_a_change(
    before: View,
    split: dict[str, int],
    roles: Roles | None,
    action: Action,
    intent: Intent,
    text: str,
) -> None:
    recorded = {roles.champion: 100} if roles is not None and not split else None
    step = SetTraffic(split, roles, action, recorded)
    assert describe_change(before, step, intent) == text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (CreateEndpoint("m1"), "create the endpoint m1"),
        (Register(candidate(0).version), f"register the model version {run().name}"),
        (Deploy(NEW, "name", run().name), f"deploy m1@10 as {NEW}, without traffic"),
        (Undeploy(NEW), "undeploy m1@10"),
        (Alias("champion", "9", False), "give the alias champion to m1@9"),
        (Alias("champion", "9", True), "take the alias champion from m1@9"),
        (
            SetTraffic({OLD: 100}, Roles(OLD), Action.ROLLBACK),
            "rollback: 100 % to m1@9 (champion m1@9, challenger none)",
        ),
        (
            SetTraffic({}, Roles(OLD), Action.ABORT, {OLD: 100}),
            "abort: no traffic (champion m1@9, challenger none)",
        ),
        (SetTraffic({}, None, Action.ADOPT), "adopt: no model has a role or traffic"),
    ],
)
def test_a_step_in_words(step: Step, text: str) -> None:
    assert describe_step(step, PAIR) == text


@pytest.mark.parametrize(
    ("found", "split", "state"),
    [
        (PAIR, {OLD: 90, NEW: 10}, "m1@9 champion with 90 %, m1@10 challenger with 10 %"),
        (PAIR, {OLD: 100}, "m1@9 champion with 100 %, m1@10 challenger with 0 %"),
        (PAIR, None, "m1@9 champion, m1@10 challenger"),
        (ALONE, None, "m1@9 champion"),
        (EMPTY, {}, "no model has a role"),
    ],
)
def test_the_reason_of_a_reconstructed_event(
    found: View, split: dict[str, int] | None, state: str
) -> None:
    assert describe_reconstructed(found, split) == (
        f"read from the endpoint's labels afterwards, as it was not recorded: {state}"
    )
