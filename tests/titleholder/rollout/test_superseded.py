"""A backfill of an old week never moves live traffic, whatever happened to newer models."""

from dataclasses import replace
from functools import reduce

import pytest

from tests.titleholder.rollout.scenes import (
    END,
    NEW,
    OLD,
    OLDER,
    VERSIONS,
    WEEK,
    foreign,
    new_version,
    run,
    seat,
    view,
    wish,
)
from titleholder.config.rollout import Rollout
from titleholder.events.event import Action
from titleholder.labels import label_recency
from titleholder.naming import deployed_model_id_of
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, CreateEndpoint, Register, SetTraffic, Undeploy
from titleholder.rollout.view import Version, View

# A champion of two weeks ago, this week's model as version 10; last week's is backfilled.
KNOWN = (VERSIONS[0], VERSIONS[2])
MARK = {"newest-data": label_recency(run().recency)}


def marked(of: View) -> View:
    return replace(of, labels=of.labels | MARK)


NEWER = {
    "champion": view(seat(0, 100), roles=Roles(NEW)),
    "challenger": view(seat(2, 90), seat(0, 10), roles=Roles(OLDER, NEW)),
    "rolled back": view(seat(2, 100), roles=Roles(OLDER, last_challenger=NEW)),
    "aborted": view(seat(2, 100), seat(0), roles=Roles(OLDER, last_challenger=NEW)),
    "deposed": view(seat(2, 100), roles=Roles(OLDER, previous_champion=NEW)),
    "forgotten": view(seat(2, 100), roles=Roles(OLDER)),
    "being deployed": view(seat(2, 100), seat(0), roles=Roles(OLDER)),
    "undeployed by hand": view(seat(2, 100), roles=Roles(OLDER, NEW)),
    "on an endpoint that was made again": view(),
    "without an endpoint": view(endpoint=None),
}


@pytest.mark.parametrize(
    "policy", [Rollout(), Rollout(replacement="surge")], ids=lambda one: one.replacement
)
@pytest.mark.parametrize("before", NEWER.values(), ids=NEWER)
def test_an_older_week_is_registered_and_gets_no_traffic(before: View, policy: Rollout) -> None:
    before = replace(before, versions=KNOWN)
    decided = plan(before, wish(1), policy)
    assert decided.outcome == "superseded"
    assert decided.steps[0] == Register(new_version(1))
    assert all(isinstance(step, Alias) for step in decided.steps[1:])
    now = reduce(apply_to_view, decided.steps, before)
    assert (now.split, now.labels) == (before.split, before.labels)
    assert decided.summary.startswith(
        "superseded: m1@10 (data until 2026-11-16 03:00 UTC, generation 0) is newer than this run, "
        "whose data ends 2026-11-09 03:00 UTC; live traffic stays as it is."
    )
    assert "clear submit_pipeline of the newest week with what follows it" in decided.summary


# What is deployed cannot be deleted, and the mark goes with the endpoint.
DELETABLE = {
    what: one for what, one in NEWER.items() if one.endpoint and not one.deployed_model(NEW)
}


@pytest.mark.parametrize("before", DELETABLE.values(), ids=DELETABLE)
def test_nor_does_it_where_the_newer_version_was_deleted(before: View) -> None:
    before = marked(replace(before, versions=(VERSIONS[2],)))
    decided = plan(before, wish(1))
    assert decided.outcome == "superseded"
    assert [step for step in decided.steps if not isinstance(step, Alias)] == [
        Register(new_version(1))
    ]
    assert (
        "a model (data until 2026-11-16 03:00 UTC, generation 0) which had traffic on e, as its "
        "label newest-data says, and is no longer registered, is newer"
    ) in decided.summary
    # But for the mark the week would be given traffic.
    unmarked = replace(before, labels={k: v for k, v in before.labels.items() if k not in MARK})
    if not before.labels.get("challenger"):
        assert plan(unmarked, wish(1)).outcome == "done"


@pytest.mark.parametrize(
    ("registered", "again", "outcome"),
    [(0, 1, "done"), (1, 1, "done"), (1, 0, "superseded"), (1, 2, "done")],
)
def test_a_week_that_is_trained_anew_is_newer_than_before(
    registered: int, again: int, outcome: str
) -> None:
    known = Version("10", frozenset([run(0, registered).name]))
    before = view(seat(2, 100), roles=Roles(OLDER), versions=(known, VERSIONS[2]))
    assert plan(before, wish(0, again)).outcome == outcome
    deleted = replace(before, versions=(VERSIONS[2],))
    mark = {"newest-data": label_recency(run(0, registered).recency)}
    deleted = replace(deleted, labels=deleted.labels | mark)
    assert plan(deleted, wish(0, again)).outcome == outcome


def test_the_newest_week_is_crowned_on_an_endpoint_that_was_made_again() -> None:
    gone = view(endpoint=None, versions=KNOWN)
    steps = plan(gone, wish()).steps
    assert steps[0] == CreateEndpoint("m1")
    assert SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION) in steps
    # A week that is only registered needs no endpoint.
    assert plan(gone, wish(1, create_endpoint=False)).outcome == "superseded"


def test_a_version_without_the_name_of_a_run_counts_by_its_label() -> None:
    unnamed = Version("10", data_interval_end=END)
    before = view(seat(2, 100), roles=Roles(OLDER), versions=(unnamed, VERSIONS[2]))
    assert plan(before, wish(1)).outcome == "superseded"
    assert plan(before, wish(0)).outcome == "done"
    # What says nothing of its data, and what a run of another model made, is not newer.
    strange = (Version("10"), Version("11", frozenset(["m2-20261116t0300-20261123t0300-g0"])))
    before = replace(before, versions=(*strange, VERSIONS[2]))
    assert plan(before, wish(1)).outcome == "done"


@pytest.mark.parametrize("wrong", ["", "x", "20261316t030000z-g0", "20261116t030000z-g²"])
def test_a_mark_of_another_form_is_ignored(wrong: str) -> None:
    before = view(seat(2, 100), roles=Roles(OLDER), versions=(VERSIONS[2],))
    before = replace(before, labels=before.labels | {"newest-data": wrong})
    decided = plan(before, wish(1))
    assert decided.outcome == "done"
    now = reduce(apply_to_view, decided.steps, before)
    assert now.labels["newest-data"] == label_recency(run(1).recency)


def test_the_mark_rises_with_what_gets_traffic_and_is_carried_along() -> None:
    now = view(endpoint=None, versions=())
    for weeks_ago in (2, 0):
        for step in plan(now, wish(weeks_ago)).steps:
            now = apply_to_view(now, step)
        assert now.labels["newest-data"] == label_recency(run(weeks_ago).recency)
    seated = now
    for intents in (
        [SetTrafficPercentage(NEW, 50), Promote(NEW), UndoPromotion(OLDER)],
        [Abort(NEW), SetTrafficPercentage(NEW, 20), RollBack(NEW)],
    ):
        now = seated
        for intent in intents:
            (step, *_) = plan(now, intent).steps
            assert isinstance(step, SetTraffic)
            now = apply_to_view(now, step)
            assert now.labels["newest-data"] == MARK["newest-data"]
    # The newest was undeployed by hand, and its version deleted.
    kept = tuple(version for version in seated.versions if run().name not in version.aliases)
    alone = replace(
        seated,
        deployed_models=(replace(seated.deployed_models[0], traffic_percentage=100),),
        versions=kept,
    )
    for intent, before in (
        (Adopt(), alone),
        (Adopt(), replace(alone, deployed_models=())),
        (
            Restore(),
            replace(
                seated,
                deployed_models=tuple(
                    replace(s, traffic_percentage=50) for s in seated.deployed_models
                ),
            ),
        ),
    ):
        (step, *_) = plan(before, intent).steps
        assert apply_to_view(before, step).labels["newest-data"] == MARK["newest-data"]


def test_the_id_of_a_foreign_model_tells_nothing() -> None:
    """`9999999999` was once read as data until 2160, and every week was superseded by it."""
    theirs = foreign("9999999999")
    decided = plan(view(theirs, versions=()), wish())
    assert decided.outcome == "done"
    assert (
        SetTraffic({theirs.id: 90, NEW: 10}, Roles(theirs.id, NEW), Action.DEPLOY_CHALLENGER)
        in decided.steps
    )


@pytest.mark.parametrize("served", ["other@10", "m1@7", "m1@99"])
def test_an_id_of_ours_on_another_model_is_not_ours(served: str) -> None:
    theirs = replace(seat(0, 100), model=served)
    found = view(theirs, seat(1))
    assert found.data_interval_end(theirs) is None
    assert found.deployed_by_us(theirs) is None
    assert found.data_interval_end(found.deployed_models[1]) == END - WEEK


def test_an_older_week_that_was_deployed_leaves_again_and_nothing_else_does() -> None:
    """Another model that has the id of the run is not undeployed."""
    before = view(seat(2, 100), seat(1), seat(3), roles=Roles(OLDER))
    steps = [step for step in plan(before, wish(1)).steps if not isinstance(step, Alias)]
    assert steps == [Undeploy(OLD)]
    assert deployed_model_id_of(run(1).name) == OLD


def test_what_was_deployed_lately_by_others_is_named() -> None:
    theirs = foreign(deployed_at=END + 2 * WEEK)
    decided = plan(view(theirs, versions=()), wish())
    assert decided.outcome == "superseded"
    assert "x@1, deployed at 2026-11-30 03:00 UTC, is newer" in decided.summary
