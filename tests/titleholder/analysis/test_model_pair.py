from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import END, NEW, OLD, VERSIONS, WEEK, deployed, view
from titleholder.analysis.model_pair import (
    ModelPair,
    RegisteredModel,
    model_pair,
    require_same_pair,
)
from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View

KNOWN = tuple(
    replace(version, uri=f"gs://b/{ago}", digest=str(ago) * 64, data_interval_end=END - ago * WEEK)
    for ago, version in enumerate(VERSIONS)
)
BOTH = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW), versions=KNOWN)


def test_a_pair_has_the_registered_artifacts() -> None:
    assert model_pair(BOTH) == ModelPair(
        RegisteredModel(OLD, "m1@9", "gs://b/1", "1" * 64, "2026-11-09T03:00:00Z"),
        RegisteredModel(NEW, "m1@10", "gs://b/0", "0" * 64, "2026-11-16T03:00:00Z"),
    )


def test_no_pair_without_a_challenger() -> None:
    assert model_pair(View("m1", None)) is None
    assert model_pair(View("m1", "e")) is None
    assert model_pair(view(deployed(1, 100), roles=Roles(OLD), versions=KNOWN)) is None
    aborted = Roles(OLD, last_challenger=NEW)
    assert model_pair(view(deployed(1, 100), deployed(0), roles=aborted, versions=KNOWN)) is None


@pytest.mark.parametrize("missing", [{"digest": ""}, {"data_interval_end": None}])
def test_a_version_without_its_labels_is_an_error(missing: dict[str, object]) -> None:
    incomplete = replace(BOTH, versions=(replace(KNOWN[0], **missing), *KNOWN[1:]))
    with pytest.raises(
        ManualActionRequired, match="the challenger m1@10 on e is no version of m1 that was reg"
    ):
        model_pair(incomplete)


def test_drift_is_an_error() -> None:
    with pytest.raises(DriftDetected):
        model_pair(replace(BOTH, deployed_models=(deployed(1, 80), deployed(0, 20))))


def test_another_pair_than_the_measured_one_is_an_error() -> None:
    pinned = model_pair(BOTH)
    assert pinned is not None
    assert require_same_pair(BOTH, pinned) is BOTH
    alone = view(deployed(1, 100), roles=Roles(OLD, last_challenger=NEW), versions=KNOWN)
    with pytest.raises(
        ManualActionRequired,
        match=rf"about m1@9 \(id {OLD}\) and m1@10 \(id {NEW}\), and there is no challenger on e",
    ):
        require_same_pair(alone, pinned)
    other = replace(BOTH, versions=(replace(KNOWN[0], digest="f" * 64), *KNOWN[1:]))
    with pytest.raises(ManualActionRequired, match="the next run evaluates again"):
        require_same_pair(other, pinned)
