from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import END, NEW, OLD, VERSIONS, WEEK, seat, view
from titleholder.analysis.pair import ModelPair, RegisteredModel, model_pair, require_same_pair
from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View

KNOWN = tuple(
    replace(version, uri=f"gs://b/{ago}", digest=str(ago) * 64, data_interval_end=END - ago * WEEK)
    for ago, version in enumerate(VERSIONS)
)
BOTH = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW), versions=KNOWN)


def test_both_with_their_artifacts() -> None:
    assert model_pair(BOTH) == ModelPair(
        RegisteredModel(OLD, "m1@9", "gs://b/1", "1" * 64, "2026-11-09T03:00:00Z"),
        RegisteredModel(NEW, "m1@10", "gs://b/0", "0" * 64, "2026-11-16T03:00:00Z"),
    )


def test_nobody_to_judge() -> None:
    assert model_pair(View("m1", None)) is None
    assert model_pair(View("m1", "e")) is None
    assert model_pair(view(seat(1, 100), roles=Roles(OLD), versions=KNOWN)) is None
    aborted = Roles(OLD, last_challenger=NEW)
    assert model_pair(view(seat(1, 100), seat(0), roles=aborted, versions=KNOWN)) is None


@pytest.mark.parametrize("gone", [{"digest": ""}, {"data_interval_end": None}])
def test_a_version_that_does_not_say_what_it_is(gone: dict[str, object]) -> None:
    dumb = replace(BOTH, versions=(replace(KNOWN[0], **gone), *KNOWN[1:]))
    with pytest.raises(
        ManualActionRequired, match="the challenger m1@10 on e is no version of m1 that was reg"
    ):
        model_pair(dumb)


def test_what_somebody_changed_by_hand_is_not_judged() -> None:
    with pytest.raises(DriftDetected):
        model_pair(replace(BOTH, deployed_models=(seat(1, 80), seat(0, 20))))


def test_only_those_who_were_measured_are_judged() -> None:
    pinned = model_pair(BOTH)
    assert pinned is not None
    assert require_same_pair(BOTH, pinned) is BOTH
    alone = view(seat(1, 100), roles=Roles(OLD, last_challenger=NEW), versions=KNOWN)
    with pytest.raises(
        ManualActionRequired,
        match=rf"about m1@9 \(id {OLD}\) and m1@10 \(id {NEW}\), and there is no challenger on e",
    ):
        require_same_pair(alone, pinned)
    other = replace(BOTH, versions=(replace(KNOWN[0], digest="f" * 64), *KNOWN[1:]))
    with pytest.raises(ManualActionRequired, match="the next run judges anew"):
        require_same_pair(other, pinned)
