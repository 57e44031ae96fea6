"""The sentence of each plan, and the errors of plans."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.titleholder.rollout.scenes import (
    ALONE,
    END,
    HALVES,
    KEPT,
    LEFT,
    NEW,
    OLD,
    OLDER,
    OLDEST,
    PAIR,
    WEEK,
    candidate,
    deployed,
    foreign,
    run,
    view,
)
from titleholder.config.rollout import Rollout
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.naming import deployed_model_ids_of
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.steps import (
    Plan,
    SetTraffic,
    Undeploy,
)
from titleholder.rollout.view import View

TWO = replace(PAIR, deployed_models=(deployed(1, 50), deployed(0, 50), foreign("7", 0)))
LIST = f"m1@9 (id {OLD}) with 90 %, m1@10 (id {NEW}) with 10 %"
BOTH = "m1@10 is challenger with 10 % of the traffic, m1@9 champion with 90 %"


@pytest.mark.parametrize(
    ("found", "intent", "summary"),
    [
        (PAIR, Promote(NEW), "m1@10 is champion with 100 % of the traffic"),
        (PAIR, Promote(OLD), "m1@9 is champion with 90 % of the traffic"),
        (PAIR, Abort(NEW), "m1@10 has no traffic, m1@9 is champion with 100 % of the traffic"),
        (
            PAIR,
            RollBack(NEW),
            "m1@10 is undeployed, m1@9 is champion with 100 % of the traffic",
        ),
        (
            PAIR,
            SetTrafficPercentage(NEW, 30),
            "m1@10 is challenger with 30 % of the traffic, m1@9 champion with 70 %",
        ),
        (KEPT, UndoPromotion(OLD), "m1@9 is champion again with 100 % of the traffic"),
        (KEPT, UndoPromotion(NEW), "m1@10 is champion again with 100 % of the traffic"),
        (PAIR, UndoPromotion(OLD), "m1@9 is champion again with 90 % of the traffic"),
        (
            HALVES,
            Adopt(),
            "m1@9 is champion with 50 % of the traffic, m1@10 challenger with 50 %",
        ),
        (ALONE, Adopt(), "m1@9 is champion with 100 % of the traffic, alone"),
        (PAIR, Restore(), "e is as it was recorded"),
        (HALVES, Restore(), "e is as it was recorded again"),
        (ALONE, candidate(0), BOTH),
        (PAIR, candidate(0, percentage=20), BOTH),
        (view(), candidate(0), "m1@10 is champion with 100 % of the traffic"),
        (PAIR, candidate(1, recency=run(-1).recency), "m1@9 is champion with 90 % of the traffic"),
    ],
)
def test_the_state_after_a_plan(found: View, intent: Intent, summary: str) -> None:
    assert plan(found, intent).summary == summary


@pytest.mark.parametrize(
    ("roles", "was"),
    [
        (Roles(OLD, None, NEW), "m1@10 was champion before"),
        (Roles(OLD, None, None, NEW), "m1@10 was challenger before"),
    ],
)
def test_a_candidate_that_had_a_role(roles: Roles, was: str) -> None:
    made = plan(view(deployed(1, 100), roles=roles), candidate(0))
    assert made.outcome == "had_a_role"
    assert made.summary.startswith(f"{was} and is not deployed again; to train it again, clear ")


def test_the_answer_says_whether_there_is_anything_to_do() -> None:
    assert Plan((Undeploy(NEW),), "it is done").answer == "it is done"
    assert Plan((), "it is done").answer == "nothing to change: it is done"
    assert Plan((), "it is older", Action.SUPERSEDED).answer == "it is older"
    assert Plan((), "it is done", repeated="that was done before").answer == "that was done before"


def test_a_repeated_undo_promotion_says_since_when_and_how_to_go_back() -> None:
    at = datetime(2026, 11, 27, 8, 5, tzinfo=UTC)
    labels = {**KEPT.labels, "last-event": "undo_promotion-1"}
    done = replace(KEPT, labels=labels, updated=at)
    assert plan(done, UndoPromotion(NEW)).repeated == (
        "that was done already: m1@10 is champion with 100 % of the traffic, since 2026-11-27 "
        "08:05 UTC; to bring m1@9 back, use `titleholder undo-promotion m1 --deployed-model-id "
        f"{OLD}`"
    )
    assert "since" not in plan(replace(KEPT, updated=at), UndoPromotion(NEW)).repeated
    without = view(deployed(0, 100), roles=Roles(NEW))
    assert plan(without, UndoPromotion(NEW)).repeated == (
        "that was done already: m1@10 is champion with 100 % of the traffic"
    )


def test_the_last_challenger_that_returns_is_no_longer_the_last_one() -> None:
    (back, *_) = plan(LEFT, SetTrafficPercentage(NEW, 5)).steps
    assert back == SetTraffic({OLD: 95, NEW: 5}, Roles(OLD, NEW), Action.SET_TRAFFIC)
    # The last challenger before a present one keeps its role.
    beside = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW, None, OLDER))
    (changed, *_) = plan(beside, SetTrafficPercentage(NEW, 5)).steps
    assert changed == SetTraffic(
        {OLD: 95, NEW: 5}, Roles(OLD, NEW, None, OLDER), Action.SET_TRAFFIC
    )


def test_an_interrupted_surge_undeploys_orphans_and_models_without_traffic() -> None:
    roles = Roles(OLD, NEW, OLDER)
    found = view(deployed(1, 90), deployed(0, 10), deployed(2), deployed(3), roles=roles)
    steps = plan(found, candidate(0), Rollout(replacement="surge")).steps
    assert steps[:2] == (Undeploy(OLDEST), Undeploy(OLDER))


def test_a_foreign_model_counts_as_newer_from_one_period_after_the_interval() -> None:
    for moment, newer in ((END + WEEK, True), (END + WEEK - WEEK / 7, False)):
        found = view(foreign(deployed_at=moment))
        assert (plan(found, candidate(0)).outcome == Action.SUPERSEDED) is newer
    summary = plan(view(foreign(deployed_at=END + WEEK)), candidate(0)).summary
    assert summary.startswith(
        "superseded: x@1, deployed at 2026-11-23 03:00 UTC, is newer than this run, whose data "
        "ends 2026-11-16 03:00 UTC; live traffic stays as it is."
    )


def test_a_version_that_was_deployed_again_keeps_its_role_under_its_other_id() -> None:
    """Beside the model with the role, the one that it replaces is still deployed."""
    new_id = deployed_model_ids_of(run(1).name)[1]
    again = replace(deployed(1, 100), id=new_id)
    found = view(again, deployed(1), roles=Roles(new_id))
    newest = replace(found, versions=found.versions[1:])
    made = plan(newest, candidate(1))
    assert made.summary == "m1@9 is champion with 100 % of the traffic"
    assert made.steps[0] == Undeploy(OLD)


def test_what_differs_after_traffic_was_taken() -> None:
    moved = replace(PAIR, deployed_models=(deployed(0, 60), foreign("7", 40)))
    made = plan(moved, Abort(NEW))
    found = (
        "the champion m1@9 was undeployed",
        "the split is 60 % to m1@10 and 40 % to x@1 instead of 90 % to m1@9 and 10 % to m1@10",
        "x@1 (id 7, theirs) was deployed",
    )
    assert made.changed_by_hand == found
    assert made.summary.startswith(
        f"m1@10 has no traffic; e was changed by hand ({'; '.join(found)}), and e still differs "
        f"from what was recorded: {'; '.join(made.still_differs)}; keep it with"
    )
    assert len(made.still_differs) == 3
    again = plan(HALVES, Abort(NEW))
    assert again.summary.endswith("10 % to m1@10) and is as it was recorded now")


def test_drift_is_named_with_both_ways_out() -> None:
    with pytest.raises(DriftDetected) as raised:
        plan(TWO, Promote(NEW))
    assert str(raised.value) == (
        "e was changed by hand: the split is 50 % to m1@9 and 50 % to m1@10 instead of 90 % to "
        "m1@9 and 10 % to m1@10; x@1 (id 7, theirs) was deployed; keep it as it is with "
        "`titleholder adopt m1`, or go back to what was recorded with `titleholder restore m1` (or "
        "trigger m1__rollout with that intent), then repeat this"
    )


@pytest.mark.parametrize(
    ("found", "intent", "message"),
    [
        (PAIR, RollBack(OLD), "m1@9 is champion of e already; look at `titleholder status m1`"),
        (
            view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW, OLDER)),
            Abort(OLD),
            "m1@9 is champion of e already; to undo that, use `titleholder undo-promotion m1 "
            f"--deployed-model-id {OLDER}`",
        ),
        (
            ALONE,
            Promote(OLDER),
            "m1@8 is not the challenger on e (there is none); look at `titleholder status m1`",
        ),
        (
            PAIR,
            UndoPromotion(OLDER),
            "m1@8 is not the previous champion of e (there is none); look at",
        ),
        (
            KEPT,
            UndoPromotion(OLDER),
            "m1@8 is not the previous champion of e (it is m1@9); look at",
        ),
        (view(), Promote(NEW), "e has no champion yet; the first weekly run deploys one"),
        (PAIR, Adopt(OLDER), f"m1@8 has no traffic on e ({LIST}); name one that has"),
        (
            view(foreign("7", 60), foreign("8", 40)),
            Adopt(),
            "x@1 (id 7) with 60 %, x@1 (id 8) with 40 % on e have traffic and it is not known "
            "which is champion; say so with `titleholder adopt m1 --deployed-model-id 7`",
        ),
        (TWO, Adopt(), "x@1 (id 7, theirs) on e has neither traffic nor a role; undeploy it"),
        (
            replace(PAIR, deployed_models=(deployed(1), deployed(0))),
            Adopt(),
            f"0 models on e have traffic (m1@9 (id {OLD}) with 0 %, m1@10 (id {NEW}) with 0 %)",
        ),
        (replace(ALONE, endpoint=None), Adopt(), "m1 has no endpoint; there is nothing to adopt"),
        (
            replace(PAIR, deployed_models=(deployed(1, 100),), versions=()),
            Restore(),
            f"the challenger id {NEW} is not deployed on e any more, and the registry has no "
            "version of m1 that belongs to it; adopt the endpoint instead",
        ),
    ],
)
def test_the_errors_of_plans(found: View, intent: Intent, message: str) -> None:
    with pytest.raises((InvalidRequest, ManualActionRequired)) as raised:
        plan(found, intent)
    assert str(raised.value).startswith(message)
