"""Predictions during a whole rollout: none fails, each is of a model that had traffic."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.faults import Faults, unsound
from tests.sandbox.conftest import Storage
from tests.sandbox.kill_helper import KillableServer
from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week
from tests.titleholder.reconciler.prediction_stream import (
    Prediction,
    PredictionStream,
    wrong_percentages,
)
from titleholder.rollout.intents import (
    Intent,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

REQUESTS = 300  # in each steady phase
A, B, C, D, E = (id_of_week(week) for week in range(5))


class RealClock:
    """The time of day; `advance` waits, as the engine does between two polls."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.1))


class VertexProcess(KillableServer):
    """A local Vertex AI in a process of its own, with deployments that take 0.1 seconds."""

    clock = RealClock()


@pytest.fixture
def vertex(
    tmp_path: Path, bucket: Storage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VertexProcess]:
    server = VertexProcess(tmp_path, bucket.host, "--faults", "--deploy-seconds=0.1", forked=False)
    try:
        server.start()
        monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", server.url)
        yield server
    finally:
        server.close()


def test_no_request_fails_during_rollouts(vertex: VertexProcess, bucket: Storage) -> None:
    m1 = ModelUnderTest(vertex, "")  # type: ignore[arg-type]
    ended: list[float] = []  # when each intent had converged

    def run(intent: Intent, **rollout: Any) -> None:
        m1.run(intent, **rollout)
        ended.append(time.time())

    def deploy(week: int, replacement: str) -> None:
        m1.artifact = bucket.put_constant(week)
        run(m1.candidate(week), replacement=replacement)

    deploy(0, "recreate")
    parts = [
        lambda: deploy(1, "recreate"),
        lambda: run(SetTrafficPercentage(B, 50)),
        lambda: run(Promote(B)),
        lambda: run(UndoPromotion(A)),
        lambda: deploy(2, "recreate"),
        lambda: deploy(3, "surge"),
        lambda: deploy(4, "recreate"),
        lambda: run(RollBack(E)),
    ]
    splits = [
        *({A: 100}, {A: 90, B: 10}, {A: 50, B: 50}, {B: 100}, {A: 100}),
        *({A: 90, C: 10}, {A: 90, D: 10}, {A: 90, E: 10}, {A: 100}),
    ]
    wrong = []
    with PredictionStream(f"{vertex.url}/v1/{m1.endpoint}:predict", [1.0, 1.0, 1.0]) as stream:
        for act, split in zip([lambda: None, *parts], splits, strict=True):
            act()
            assert m1.view().split == split
            wrong += wrong_percentages(stream.next(REQUESTS), split, len(splits))
    assert not stream.errors
    assert not wrong

    faults = Faults(vertex.url)
    traffic = faults.traffic(endpoint=m1.endpoint)
    faults.close()
    assert not unsound(traffic)
    assert len(stream.predictions) >= REQUESTS * len(splits)
    assert not [one for one in stream.predictions if one.status != 200]
    values = {id_of_week(week): [[week, week]] for week in range(5)}
    assert not [one for one in stream.predictions if one.body["predictions"] != values[one.model]]
    assert not untimely(stream.predictions, traffic, ended)


def untimely(
    predictions: list[Prediction], traffic: list[dict[str, Any]], ended: list[float]
) -> list[Prediction]:
    """Predictions of models that had no traffic between request and response.

    A split is live from its entry in the record at the earliest, and at the latest until the
    intent that replaced it had converged: Vertex AI had answered its call by then.
    """
    spans = []
    times = [datetime.fromisoformat(entry["time"]).timestamp() for entry in traffic]
    for entry, (begin, replaced) in zip(traffic, pairwise([*times, time.time()]), strict=True):
        end = min((moment for moment in ended if moment >= replaced), default=replaced)
        split = entry["traffic_split"]
        spans += [(model, begin, end) for model, percentage in split.items() if percentage]
    return [
        one
        for one in predictions
        if not any(
            one.model == model and begin <= one.received and one.sent <= end
            for model, begin, end in spans
        )
    ]


@pytest.mark.parametrize(("count", "wrong"), [(70, False), (130, False), (40, True), (170, True)])
def test_a_proportion_beyond_the_bound_is_detected(count: int, wrong: bool) -> None:
    models = [B] * count + [A] * (1_000 - count)
    predictions = [Prediction(0, 0, 200, {"deployedModelId": model}) for model in models]
    assert bool(wrong_percentages(predictions, {A: 90, B: 10}, 9)) == wrong
