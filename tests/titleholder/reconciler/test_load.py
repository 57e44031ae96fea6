"""Predictions through a whole rollout: none fails, each is of a model whose turn it was."""

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
from tests.titleholder.reconciler.conftest import Scene, name
from tests.titleholder.reconciler.stream import Answer, Stream, astray
from titleholder.rollout.intents import (
    Intent,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

REQUESTS = 1_000  # in each steady phase
A, B, C, D, E = (name(week) for week in range(5))


class Day:
    """The time of day; to turn it is to wait, as the engine does between two looks."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.25))


class Apart(KillableServer):
    """A Vertex AI as a process of its own, where deployments take a moment."""

    clock = Day()


@pytest.fixture
def apart(tmp_path: Path, bucket: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    server = Apart(tmp_path, bucket.host, "--faults", "--deploy-seconds=0.3", forked=False)
    try:
        server.start()
        monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", server.url)
        yield server
    finally:
        server.close()


def test_no_request_fails_while_models_come_and_go(apart: Apart, bucket: Storage) -> None:
    scene = Scene(apart, "")  # type: ignore[arg-type]
    ended: list[float] = []  # when each intent was met

    def play(intent: Intent, **rollout: Any) -> None:
        scene.play(intent, **rollout)
        ended.append(time.time())

    def seat(week: int, replacement: str) -> None:
        scene.artifact = bucket.put_constant(week)
        play(scene.wish(week), replacement=replacement)

    seat(0, "recreate")
    parts = [
        lambda: seat(1, "recreate"),
        lambda: play(SetTrafficPercentage(B, 50)),
        lambda: play(Promote(B)),
        lambda: play(UndoPromotion(A)),
        lambda: seat(2, "recreate"),
        lambda: seat(3, "surge"),
        lambda: seat(4, "recreate"),
        lambda: play(RollBack(E)),
    ]
    splits = [
        *({A: 100}, {A: 90, B: 10}, {A: 50, B: 50}, {B: 100}, {A: 100}),
        *({A: 90, C: 10}, {A: 90, D: 10}, {A: 90, E: 10}, {A: 100}),
    ]
    wrong = []
    with Stream(f"{apart.url}/v1/{scene.endpoint}:predict", [1.0, 1.0, 1.0]) as stream:
        for act, split in zip([lambda: None, *parts], splits, strict=True):
            act()
            assert scene.view().split == split
            wrong += astray(stream.next(REQUESTS), split, len(splits))
    assert not stream.broken
    assert not wrong

    faults = Faults(apart.url)
    traffic = faults.traffic(endpoint=scene.endpoint)
    faults.close()
    assert not unsound(traffic)
    assert len(stream.answers) >= REQUESTS * len(splits)
    assert not [one for one in stream.answers if one.status != 200]
    values = {name(week): [[week, week]] for week in range(5)}
    assert not [one for one in stream.answers if one.body["predictions"] != values[one.model]]
    assert not untimely(stream.answers, traffic, ended)


def untimely(
    answers: list[Answer], traffic: list[dict[str, Any]], ended: list[float]
) -> list[Answer]:
    """Answers of models that had no traffic while they were asked for.

    A split is live from its entry in the record at the earliest, and no longer than until the
    intent that replaced it was met: Vertex AI had answered its call by then.
    """
    turns = []
    times = [datetime.fromisoformat(entry["time"]).timestamp() for entry in traffic]
    for entry, (begin, replaced) in zip(traffic, pairwise([*times, time.time()]), strict=True):
        end = min((moment for moment in ended if moment >= replaced), default=replaced)
        turns += [(model, begin, end) for model, share in entry["traffic_split"].items() if share]
    return [
        one
        for one in answers
        if not any(
            one.model == model and begin <= one.received and one.sent <= end
            for model, begin, end in turns
        )
    ]


@pytest.mark.parametrize(("found", "seen"), [(70, False), (130, False), (40, True), (170, True)])
def test_a_share_beyond_the_bound_is_seen(found: int, seen: bool) -> None:
    answers = [Answer(0, 0, 200, {"deployedModelId": B if i < found else A}) for i in range(1_000)]
    assert bool(astray(answers, {A: 90, B: 10}, 9)) == seen
