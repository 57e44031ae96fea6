"""Starting states of an endpoint, each with an intent to run from there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
    UpdateResources,
)

MACHINES = {"machines": {"machine_type": "n1-standard-8"}}
A, B, C = (id_of_week(week) for week in range(3))


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes the starting state, without faults; `intent` is run from there, with these
    keys of `rollout` and, as `machines`, of `endpoint`. At most `most` models may be deployed."""

    prepare: Callable[[ModelUnderTest], None]
    intent: Callable[[ModelUnderTest], Intent]
    rollout: dict[str, Any] = field(default_factory=dict)
    most: int = 2


def _weeks(*weeks: int) -> Callable[[ModelUnderTest], None]:
    def prepare(m1: ModelUnderTest) -> None:
        for week in weeks:
            m1.run(m1.candidate(week))

    return prepare


def _promoted(m1: ModelUnderTest) -> None:
    """B is champion, A the previous champion, still deployed."""
    _weeks(0, 1)(m1)
    m1.run(Promote(B))


def _updated(m1: ModelUnderTest) -> None:
    """A is champion and B challenger, both deployed again with other machines."""
    _weeks(0, 1)(m1)
    m1.run(UpdateResources(), **MACHINES)


def _promoted_without_previous(m1: ModelUnderTest) -> None:
    """B is champion, C challenger; A, the champion before, is undeployed."""
    _weeks(0, 1)(m1)
    m1.run(Promote(B), keep_previous_champion=False)
    m1.run(m1.candidate(2))


def _rolled_back(m1: ModelUnderTest) -> None:
    """A is champion, and C, two weeks newer, was rolled back."""
    _weeks(0, 2)(m1)
    m1.run(RollBack(C))


def _promotion_undone(m1: ModelUnderTest) -> None:
    """A is champion again; C, champion in between, is undeployed."""
    _weeks(0, 2)(m1)
    m1.run(Promote(C))
    m1.run(UndoPromotion(A))
    _undeploy(m1, C)


def _version_deleted(m1: ModelUnderTest) -> None:
    """A is champion; C was rolled back and its version deleted from the registry."""
    _rolled_back(m1)
    (version,) = (v for v in m1.view().versions if m1.candidate(2).version.alias in v.aliases)
    vertex = m1.vertex
    vertex.finish(
        vertex.models.delete_model_version(name=f"{m1.parent}/models/m1@{version.number}")
    )


def _endpoint_deleted(m1: ModelUnderTest) -> None:
    """The endpoint of A and C was deleted, and its labels with it."""
    _rolled_back(m1)
    _undeploy(m1, A)
    vertex = m1.vertex
    vertex.finish(vertex.endpoints.delete_endpoint(name=m1.endpoint))


def _split_by_hand(m1: ModelUnderTest) -> None:
    _weeks(0, 1)(m1)
    set_split_by_hand(m1, {A: 40, B: 60})


def _unmanaged_by_hand(m1: ModelUnderTest) -> None:
    """A model that no rollout deployed also receives traffic."""
    _weeks(0, 1)(m1)
    _deploy_unmanaged(m1, {"0": 20, A: 50, B: 30})


def _promoted_by_hand(m1: ModelUnderTest) -> None:
    """B receives 90 %, an unmanaged model the rest; A, the champion, is undeployed."""
    _weeks(0, 1)(m1)
    _deploy_unmanaged(m1, {"0": 10, B: 90})
    _undeploy(m1, A)


def _deploy_unmanaged(m1: ModelUnderTest, split: dict[str, int]) -> None:
    vertex = m1.vertex
    vertex.parent = m1.parent
    model = vertex.upload(m1.artifact, model_id="other").model
    vertex.finish(vertex.deploy(m1.endpoint, model, split, id="7", display_name="unmanaged"))


def _undeployed_by_hand(m1: ModelUnderTest) -> None:
    _weeks(0, 1)(m1)
    set_split_by_hand(m1, {A: 100})
    _undeploy(m1, B)


def _undeploy(m1: ModelUnderTest, deployed_model_id: str) -> None:
    undeploy = m1.vertex.endpoints.undeploy_model
    operation = undeploy(endpoint=m1.endpoint, deployed_model_id=deployed_model_id)
    m1.vertex.finish(operation)


def _unmanaged(m1: ModelUnderTest) -> None:
    """An endpoint and a model that no rollout has written to; the id could be a rollout's."""
    vertex = m1.vertex
    vertex.parent = m1.parent
    model = vertex.upload(m1.artifact, model_id="m1").model
    endpoint = vertex.endpoint("unmanaged", display_name="m1").name
    vertex.finish(
        vertex.deploy(
            endpoint, model, {"0": 100}, id="9999999999", display_name="m1-champion-model"
        )
    )


def set_split_by_hand(m1: ModelUnderTest, split: dict[str, int]) -> None:
    """Set the split as the console does: without an etag, and without labels."""
    m1.vertex.endpoints.update_endpoint(
        endpoint={"name": m1.endpoint, "traffic_split": split},
        update_mask={"paths": ["traffic_split"]},
    )


def _week(number: int) -> Callable[[ModelUnderTest], Intent]:
    return lambda m1: m1.candidate(number)


def _fixed(intent: Intent) -> Callable[[ModelUnderTest], Intent]:
    return lambda m1: intent


SCENARIOS = {
    "first": Scenario(_weeks(), _week(0)),
    "replace": Scenario(_weeks(0, 1), _week(2)),
    "replace-surge": Scenario(_weeks(0, 1), _week(2), {"replacement": "surge"}, most=3),
    "replace-previous-champion": Scenario(_promoted, _week(2)),
    "promote": Scenario(_weeks(0, 1), _fixed(Promote(B))),
    "promote-keep-none": Scenario(
        _weeks(0, 1), _fixed(Promote(B)), {"keep_previous_champion": False}
    ),
    "roll-back": Scenario(_weeks(0, 1), _fixed(RollBack(B))),
    "abort": Scenario(_weeks(0, 1), _fixed(Abort(B))),
    "set-traffic": Scenario(_weeks(0, 1), _fixed(SetTrafficPercentage(B, 50))),
    "undo-promotion": Scenario(_promoted, _fixed(UndoPromotion(A))),
    "undo-promotion-undeployed": Scenario(_promoted_without_previous, _fixed(UndoPromotion(A))),
    "abort-split-by-hand": Scenario(_split_by_hand, _fixed(Abort(B))),
    "roll-back-unmanaged-by-hand": Scenario(_unmanaged_by_hand, _fixed(RollBack(B))),
    "roll-back-the-unmanaged-by-hand": Scenario(_unmanaged_by_hand, _fixed(RollBack("7"))),
    "abort-without-champion": Scenario(_promoted_by_hand, _fixed(Abort(B))),
    "update-replicas": Scenario(
        _weeks(0, 1), _fixed(UpdateResources()), {"machines": {"min_replicas": 2}}
    ),
    "update-machines": Scenario(_weeks(0, 1), _fixed(UpdateResources()), MACHINES, most=3),
    "update-machines-previous": Scenario(_promoted, _fixed(UpdateResources()), MACHINES, most=2),
    "update-machines-again": Scenario(_updated, _fixed(UpdateResources()), most=3),
    "replace-updated": Scenario(_updated, _week(2), MACHINES),
    "rollback-updated": Scenario(_updated, _fixed(RollBack(B)), MACHINES),
    "adopt-split": Scenario(_split_by_hand, _fixed(Adopt())),
    "restore-split": Scenario(_split_by_hand, _fixed(Restore())),
    "restore-undeployed": Scenario(_undeployed_by_hand, _fixed(Restore())),
    "unmanaged": Scenario(_unmanaged, _week(1)),
    "superseded": Scenario(_weeks(0, 2), _week(1)),
    "superseded-by-rolled-back": Scenario(_rolled_back, _week(1)),
    "superseded-by-undone-promotion": Scenario(_promotion_undone, _week(1)),
    "superseded-by-deleted": Scenario(_version_deleted, _week(1)),
    "superseded-without-endpoint": Scenario(_endpoint_deleted, _week(1)),
}
