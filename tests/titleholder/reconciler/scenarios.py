"""What a rollout may be about when something goes wrong: what there was, and what is wanted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.titleholder.reconciler.conftest import Scene, name
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

A, B, C = (name(week) for week in range(3))


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes what there was, without faults; `wish` is what is wanted then."""

    prepare: Callable[[Scene], None]
    wish: Callable[[Scene], Intent]
    rollout: dict[str, Any] = field(default_factory=dict)


def _weeks(*weeks: int) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        for week in weeks:
            scene.play(scene.wish(week))

    return prepare


def _deposed(scene: Scene) -> None:
    """A was champion and is warm, B is champion."""
    _weeks(0, 1)(scene)
    scene.play(Promote(B))


def _cold(scene: Scene) -> None:
    """A was champion and is gone, B is champion, C challenger."""
    _weeks(0, 1)(scene)
    scene.play(Promote(B), keep_previous_champion=False)
    scene.play(scene.wish(2))


def _rolled_back(scene: Scene) -> None:
    """A is champion, and C, two weeks newer, was rolled back."""
    _weeks(0, 2)(scene)
    scene.play(RollBack(C))


def _reinstated(scene: Scene) -> None:
    """A is champion again, and C, which had the title meanwhile, is gone."""
    _weeks(0, 2)(scene)
    scene.play(Promote(C))
    scene.play(UndoPromotion(A))
    _undeploy(scene, C)


def _deleted(scene: Scene) -> None:
    """A is champion, C was rolled back, and its version deleted from the registry."""
    _rolled_back(scene)
    (version,) = (v for v in scene.view().versions if scene.wish(2).version.alias in v.aliases)
    vertex = scene.vertex
    vertex.finish(
        vertex.models.delete_model_version(name=f"{scene.parent}/models/m1@{version.number}")
    )


def _made_again(scene: Scene) -> None:
    """A and C were on an endpoint that is gone with its labels."""
    _rolled_back(scene)
    _undeploy(scene, A)
    vertex = scene.vertex
    vertex.finish(vertex.endpoints.delete_endpoint(name=scene.endpoint))


def _split_by_hand(scene: Scene) -> None:
    _weeks(0, 1)(scene)
    shift(scene, {A: 40, B: 60})


def _three_by_hand(scene: Scene) -> None:
    """A third model, of others, has a share of the traffic as well."""
    _weeks(0, 1)(scene)
    _bring(scene, {"0": 20, A: 50, B: 30})


def _promoted_by_hand(scene: Scene) -> None:
    """B has nearly all requests, another model the rest, and A, the champion, is gone."""
    _weeks(0, 1)(scene)
    _bring(scene, {"0": 10, B: 90})
    _undeploy(scene, A)


def _bring(scene: Scene, split: dict[str, int]) -> None:
    vertex = scene.vertex
    vertex.parent = scene.parent
    model = vertex.upload(scene.artifact, model_id="other").model
    vertex.finish(vertex.deploy(scene.endpoint, model, split, id="7", display_name="theirs"))


def _undeployed_by_hand(scene: Scene) -> None:
    _weeks(0, 1)(scene)
    shift(scene, {A: 100})
    _undeploy(scene, B)


def _undeploy(scene: Scene, deployed_model_id: str) -> None:
    undeploy = scene.vertex.endpoints.undeploy_model
    operation = undeploy(endpoint=scene.endpoint, deployed_model_id=deployed_model_id)
    scene.vertex.finish(operation)


def _foreign(scene: Scene) -> None:
    """An endpoint and a model that no rollout has touched, with an id such as those of ours."""
    vertex = scene.vertex
    vertex.parent = scene.parent
    model = vertex.upload(scene.artifact, model_id="m1").model
    endpoint = vertex.endpoint("theirs", display_name="m1").name
    vertex.finish(
        vertex.deploy(
            endpoint, model, {"0": 100}, id="9999999999", display_name="m1-champion-model"
        )
    )


def shift(scene: Scene, split: dict[str, int]) -> None:
    """As the console does: a split without an etag, and without labels."""
    scene.vertex.endpoints.update_endpoint(
        endpoint={"name": scene.endpoint, "traffic_split": split},
        update_mask={"paths": ["traffic_split"]},
    )


def _week(number: int) -> Callable[[Scene], Intent]:
    return lambda scene: scene.wish(number)


def _just(intent: Intent) -> Callable[[Scene], Intent]:
    return lambda scene: intent


SCENARIOS = {
    "first": Scenario(_weeks(), _week(0)),
    "replace": Scenario(_weeks(0, 1), _week(2)),
    "replace-surge": Scenario(_weeks(0, 1), _week(2), {"replacement": "surge"}),
    "seat-warm-in-the-way": Scenario(_deposed, _week(2)),
    "promote": Scenario(_weeks(0, 1), _just(Promote(B))),
    "promote-keep-none": Scenario(
        _weeks(0, 1), _just(Promote(B)), {"keep_previous_champion": False}
    ),
    "roll-back": Scenario(_weeks(0, 1), _just(RollBack(B))),
    "abort": Scenario(_weeks(0, 1), _just(Abort(B))),
    "share": Scenario(_weeks(0, 1), _just(SetTrafficPercentage(B, 50))),
    "reinstate-warm": Scenario(_deposed, _just(UndoPromotion(A))),
    "reinstate-cold": Scenario(_cold, _just(UndoPromotion(A))),
    "abort-split-by-hand": Scenario(_split_by_hand, _just(Abort(B))),
    "roll-back-three-by-hand": Scenario(_three_by_hand, _just(RollBack(B))),
    "roll-back-theirs-by-hand": Scenario(_three_by_hand, _just(RollBack("7"))),
    "abort-without-champion": Scenario(_promoted_by_hand, _just(Abort(B))),
    "adopt-split": Scenario(_split_by_hand, _just(Adopt())),
    "restore-split": Scenario(_split_by_hand, _just(Restore())),
    "restore-undeployed": Scenario(_undeployed_by_hand, _just(Restore())),
    "foreign": Scenario(_foreign, _week(1)),
    "superseded": Scenario(_weeks(0, 2), _week(1)),
    "superseded-by-rolled-back": Scenario(_rolled_back, _week(1)),
    "superseded-by-deposed": Scenario(_reinstated, _week(1)),
    "superseded-by-deleted": Scenario(_deleted, _week(1)),
    "superseded-without-endpoint": Scenario(_made_again, _week(1)),
}
