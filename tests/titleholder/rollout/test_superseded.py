"""A backfill of an older interval never changes traffic, in any state of newer models."""

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
    candidate,
    deployed,
    foreign,
    new_version,
    run,
    view,
)
from titleholder.config.rollout import Rollout
from titleholder.events.event import Action
from titleholder.naming import deployed_model_ids_of, label_recency
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

# The champion is two weeks old, version 10 is this week's model; last week's is backfilled.
KNOWN = (VERSIONS[0], VERSIONS[2])
MARK = {"newest-data": label_recency(run().recency)}


def with_mark(view: View) -> View:
    return replace(view, labels=view.labels | MARK)


NEWER = {
    "champion": view(deployed(0, 100), roles=Roles(NEW)),
    "challenger": view(deployed(2, 90), deployed(0, 10), roles=Roles(OLDER, NEW)),
    "rolled back": view(deployed(2, 100), roles=Roles(OLDER, last_challenger=NEW)),
    "aborted": view(deployed(2, 100), deployed(0), roles=Roles(OLDER, last_challenger=NEW)),
    "previous champion": view(deployed(2, 100), roles=Roles(OLDER, previous_champion=NEW)),
    "without a role": view(deployed(2, 100), roles=Roles(OLDER)),
    "being deployed": view(deployed(2, 100), deployed(0), roles=Roles(OLDER)),
    "undeployed by hand": view(deployed(2, 100), roles=Roles(OLDER, NEW)),
    "on an endpoint that was created again": view(),
    "without an endpoint": view(endpoint=None),
}


@pytest.mark.parametrize(
    "policy", [Rollout(), Rollout(replacement="surge")], ids=lambda one: one.replacement
)
@pytest.mark.parametrize("before", NEWER.values(), ids=NEWER)
def test_an_older_interval_is_registered_without_traffic(before: View, policy: Rollout) -> None:
    before = replace(before, versions=KNOWN)
    decided = plan(before, candidate(1), policy)
    assert decided.outcome == "superseded"
    assert decided.steps[0] == Register(new_version(1))
    assert all(isinstance(step, Alias) for step in decided.steps[1:])
    now = reduce(apply_to_view, decided.steps, before)
    assert (now.split, now.labels) == (before.split, before.labels)
    assert decided.summary.startswith(
        "superseded: m1@10 (data until 2026-11-16 03:00 UTC, generation 0) is newer than this run, "
        "whose data ends 2026-11-09 03:00 UTC; live traffic stays as it is."
    )
    assert "clear the newest run from submit_pipeline on" in decided.summary


# A deployed version cannot be deleted, and the mark is deleted with the endpoint.
DELETABLE = {
    state: one for state, one in NEWER.items() if one.endpoint and not one.deployed_model(NEW)
}


@pytest.mark.parametrize("before", DELETABLE.values(), ids=DELETABLE)
def test_a_deleted_newer_version_still_counts(before: View) -> None:
    before = with_mark(replace(before, versions=(VERSIONS[2],)))
    decided = plan(before, candidate(1))
    assert decided.outcome == "superseded"
    assert [step for step in decided.steps if not isinstance(step, Alias)] == [
        Register(new_version(1))
    ]
    assert (
        "a model (data until 2026-11-16 03:00 UTC, generation 0) which had traffic on e, as its "
        "label newest-data says, and is no longer registered, is newer"
    ) in decided.summary
    # Without the mark the candidate would receive traffic.
    unmarked = replace(before, labels={k: v for k, v in before.labels.items() if k not in MARK})
    if not before.labels.get("challenger"):
        assert plan(unmarked, candidate(1)).outcome == "done"


@pytest.mark.parametrize(
    ("registered", "again", "outcome"),
    [(0, 1, "done"), (1, 1, "done"), (1, 0, "superseded"), (1, 2, "done")],
)
def test_a_new_generation_is_newer(registered: int, again: int, outcome: str) -> None:
    known = Version("10", frozenset([run(0, registered).name]))
    before = view(deployed(2, 100), roles=Roles(OLDER), versions=(known, VERSIONS[2]))
    assert plan(before, candidate(0, again)).outcome == outcome
    deleted = replace(before, versions=(VERSIONS[2],))
    mark = {"newest-data": label_recency(run(0, registered).recency)}
    deleted = replace(deleted, labels=deleted.labels | mark)
    assert plan(deleted, candidate(0, again)).outcome == outcome


def test_the_newest_interval_becomes_champion_on_a_new_endpoint() -> None:
    missing = view(endpoint=None, versions=KNOWN)
    steps = plan(missing, candidate()).steps
    assert steps[0] == CreateEndpoint("m1")
    assert SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION) in steps
    # A candidate that is only registered needs no endpoint.
    assert plan(missing, candidate(1, create_endpoint=False)).outcome == "superseded"


def test_a_version_without_a_run_alias_counts_by_its_label() -> None:
    unnamed = Version("10", data_interval_end=END)
    before = view(deployed(2, 100), roles=Roles(OLDER), versions=(unnamed, VERSIONS[2]))
    assert plan(before, candidate(1)).outcome == "superseded"
    assert plan(before, candidate(0)).outcome == "done"
    # A version without times, and one of another model's run, are not newer.
    others = (Version("10"), Version("11", frozenset(["m2-20261116t0300-20261123t0300-g0"])))
    before = replace(before, versions=(*others, VERSIONS[2]))
    assert plan(before, candidate(1)).outcome == "done"


@pytest.mark.parametrize("wrong", ["", "x", "20261316t030000z-g0", "20261116t030000z-g²"])
def test_an_invalid_mark_is_ignored(wrong: str) -> None:
    before = view(deployed(2, 100), roles=Roles(OLDER), versions=(VERSIONS[2],))
    before = replace(before, labels=before.labels | {"newest-data": wrong})
    decided = plan(before, candidate(1))
    assert decided.outcome == "done"
    now = reduce(apply_to_view, decided.steps, before)
    assert now.labels["newest-data"] == label_recency(run(1).recency)


def test_the_mark_follows_the_newest_model_with_traffic() -> None:
    now = view(endpoint=None, versions=())
    for weeks_ago in (2, 0):
        for step in plan(now, candidate(weeks_ago)).steps:
            now = apply_to_view(now, step)
        assert now.labels["newest-data"] == label_recency(run(weeks_ago).recency)
    both = now
    for intents in (
        [SetTrafficPercentage(NEW, 50), Promote(NEW), UndoPromotion(OLDER)],
        [Abort(NEW), SetTrafficPercentage(NEW, 20), RollBack(NEW)],
    ):
        now = both
        for intent in intents:
            (step, *_) = plan(now, intent).steps
            assert isinstance(step, SetTraffic)
            now = apply_to_view(now, step)
            assert now.labels["newest-data"] == MARK["newest-data"]
    # The newest model was undeployed by hand, and its version deleted.
    remaining = tuple(version for version in both.versions if run().name not in version.aliases)
    alone = replace(
        both,
        deployed_models=(replace(both.deployed_models[0], traffic_percentage=100),),
        versions=remaining,
    )
    for intent, before in (
        (Adopt(), alone),
        (Adopt(), replace(alone, deployed_models=())),
        (
            Restore(),
            replace(
                both,
                deployed_models=tuple(
                    replace(s, traffic_percentage=50) for s in both.deployed_models
                ),
            ),
        ),
    ):
        (step, *_) = plan(before, intent).steps
        assert apply_to_view(before, step).labels["newest-data"] == MARK["newest-data"]


def test_the_id_of_a_foreign_model_has_no_meaning() -> None:
    """Regression: `9999999999` was read as data until 2160, which superseded every candidate."""
    theirs = foreign("9999999999")
    decided = plan(view(theirs, versions=()), candidate())
    assert decided.outcome == "done"
    assert (
        SetTraffic({theirs.id: 90, NEW: 10}, Roles(theirs.id, NEW), Action.DEPLOY_CHALLENGER)
        in decided.steps
    )


@pytest.mark.parametrize("served", ["other@10", "m1@7", "m1@99"])
def test_an_own_id_on_another_version_is_foreign(served: str) -> None:
    theirs = replace(deployed(0, 100), model=served)
    found = view(theirs, deployed(1))
    assert found.data_interval_end(theirs) is None
    assert found.deployed_by_us(theirs) is None
    assert found.data_interval_end(found.deployed_models[1]) == END - WEEK


def test_only_the_superseded_candidate_is_undeployed() -> None:
    before = view(deployed(2, 100), deployed(1), deployed(3), roles=Roles(OLDER))
    steps = [step for step in plan(before, candidate(1)).steps if not isinstance(step, Alias)]
    assert steps == [Undeploy(OLD)]
    assert deployed_model_ids_of(run(1).name)[0] == OLD


def test_the_summary_names_a_newer_foreign_model() -> None:
    theirs = foreign(deployed_at=END + 2 * WEEK)
    decided = plan(view(theirs, versions=()), candidate())
    assert decided.outcome == "superseded"
    assert "x@1, deployed at 2026-11-30 03:00 UTC, is newer" in decided.summary
