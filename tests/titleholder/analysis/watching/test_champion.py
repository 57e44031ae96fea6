"""The champion that is watched, from a view."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.titleholder.rollout.scenes import END, NEW, OLD, VERSIONS, WEEK, deployed, view
from titleholder.analysis.watching.champion import WatchedChampion, watched_champion
from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View

KNOWN = tuple(
    replace(
        version,
        uri=f"gs://b/{ago}",
        digest=str(ago) * 64,
        data_interval_end=END - ago * WEEK,
        held_out_loss=2.5,
    )
    for ago, version in enumerate(VERSIONS)
)
SINCE = datetime(2026, 11, 16, 4, tzinfo=UTC)
ALONE = view(
    replace(deployed(0, 100), deployed_at=SINCE),
    deployed(1),
    roles=Roles(NEW, previous_champion=OLD),
    versions=KNOWN,
)


def test_the_champion_with_what_it_was_registered_with() -> None:
    found = watched_champion(ALONE)
    assert found is not None
    assert found.model.version == "m1@10"
    assert found.data_interval_start == f"{END - WEEK:%Y-%m-%dT%H:%M:%SZ}"
    assert found.deployed == SINCE.isoformat()
    assert found.held_out_loss == 2.5
    assert NEW in found.ids
    assert len(found.ids) == 2
    assert found.key == min(found.ids)
    assert found.previous is not None
    assert found.previous.version == "m1@9"
    assert WatchedChampion.from_json(found.to_json()) == found


def test_no_previous_champion_beside_a_challenger_or_undeployed() -> None:
    gone = replace(ALONE, deployed_models=ALONE.deployed_models[:1])
    found = watched_champion(gone)
    assert found is not None
    assert found.previous is None
    both = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW), versions=KNOWN)
    found = watched_champion(both)
    assert found is not None
    assert (found.model.id, found.previous) == (OLD, None)


def test_nothing_to_watch_without_an_endpoint() -> None:
    assert watched_champion(View("m1", None)) is None
    assert watched_champion(View("m1", "e")) is None


def test_a_champion_that_cannot_be_scored_and_one_that_was_changed_by_hand() -> None:
    incomplete = replace(ALONE, versions=(replace(KNOWN[0], digest=""), *KNOWN[1:]))
    with pytest.raises(ManualActionRequired, match="the champion m1@10 on e is no version"):
        watched_champion(incomplete)
    # A previous champion that cannot be scored is left out.
    old = replace(ALONE, versions=(KNOWN[0], replace(KNOWN[1], digest=""), *KNOWN[2:]))
    found = watched_champion(old)
    assert found is not None
    assert found.previous is None
    with pytest.raises(DriftDetected):
        watched_champion(replace(ALONE, deployed_models=(deployed(0, 80), deployed(1, 20))))


def test_a_champion_of_another_alias_has_no_start_of_its_training_data() -> None:
    renamed = replace(KNOWN[0], aliases=frozenset({"by-hand"}))
    found = watched_champion(replace(ALONE, versions=(renamed, *KNOWN[1:])))
    assert found is not None
    assert found.data_interval_start == ""
