"""A champion without a challenger, with a watch job whose evidence a test chooses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import LAST_MONDAY, Google, Model, RunResult, deploy
from tests.dags.contested import DUEL, events_of
from tests.dags.tiny_pipeline import IMAGE
from titleholder.events.event import Event
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel

WEEKS_AGO = 12
# The end of the champion's training data, a Monday at 3:00, and the first whole day after it.
TRAINED = LAST_MONDAY - WEEKS_AGO * timedelta(weeks=1)
FIRST = TRAINED.replace(hour=0) + timedelta(days=1)
WATCH = {"template": "tiny_watch.yaml", "window": "21d", "retrain_on": ["schedule", "decay"]}


def day(number: int) -> datetime:
    """The start of a day; the champion's first is number 0."""
    return FIRST + number * timedelta(days=1)


def case(scenario: str, number: int | None = None) -> str:
    """A scenario of the tiny watch job, from that day on."""
    return scenario if number is None else f"{scenario}_{day(number):%Y%m%d}"


def look(made: Model, clock: SandboxClock, number: int, **options: Any) -> RunResult:
    """The daily run that counts the days up to that one: at 5:00 of the second day after it, as
    labels take a day."""
    at = day(number + 2) + timedelta(hours=5)
    clock.move(at + timedelta(minutes=1))
    return made.run(at, dag="rollout", clock=clock, **options)


def recorded(made: Model, *actions: str) -> list[Event]:
    """The events of these actions."""
    return [event for event in events_of(made) if event.action in actions]


@pytest.fixture
def watched(
    model: Callable[..., Model], google: Google, clock: SandboxClock
) -> Callable[..., Model]:
    """Makes a model whose champion was trained until TRAINED; `watch` has keys of that section,
    `changes` are those of `model`."""

    def make(scenario: str, watch: dict[str, Any] | None = None, **changes: Any) -> Model:
        duel = {**DUEL, "feature_columns": [scenario], **changes.pop("duel", {})}
        made = model(duel=duel, watch={**WATCH, **(watch or {})}, **changes)
        clock.move(TRAINED + timedelta(hours=1))
        candidate = CandidateModel(
            google.artifact, ContainerSpec(image_uri=IMAGE), "1.6.1", 90.0, f"{1:064x}"
        )
        deploy(made, TRAINED, candidate, clock)
        return made

    return make


def training_runs(made: Model) -> list[Any]:
    """The runs of the weekly DAG in Airflow's database, by their ids."""
    from airflow.models.dagrun import DagRun

    found = DagRun.find(dag_id=f"{made.name}__train")
    return sorted(found, key=lambda run: run.run_id)


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)
