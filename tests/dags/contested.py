"""A champion and a challenger that daily runs judge, by a duel that comes out as a test chooses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import LAST_MONDAY, Google, Model, Played
from tests.dags.tiny_duel import CASES
from tests.dags.tiny_pipeline import IMAGE
from titleholder.candidate import candidate
from titleholder.config import load_model
from titleholder.contract import Offer
from titleholder.environment import Environment
from titleholder.event_table import EventTable
from titleholder.events import Event
from titleholder.interval import Interval
from titleholder.reconcile import Done, Reconciler
from titleholder.recorder import Cause
from titleholder.rollout.intents import Policy
from titleholder.run import Run
from titleholder.vertex.endpoints import Endpoints

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "equal",
    "metric": "absolute",
    "feature_columns": ["x"],
    "target_columns": CASES,
    "template": "tiny_duel.yaml",
    "minimum_time": "1s",
}


def judge(made: Model, case: str, days_ago: int = 0, mark_success: str | None = None) -> Played:
    """A daily run whose duel comes out so. Each has a day of its own: of two on one day the second
    would take up the duel of the first."""
    made.change("duel", target=case)
    day = datetime.now(UTC) - timedelta(days=days_ago)
    return made.play(day, dag="rollout", mark_success=mark_success)


def events_of(made: Model) -> list[Event]:
    return EventTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)


@pytest.fixture
def contested(model: Callable[..., Model], google: Google) -> Callable[..., Model]:
    """Makes a model with a champion and a challenger, as two weekly runs would have seated them
    `ago`; keys of the duel's section beside others'."""

    def make(
        ago: timedelta = timedelta(0), duel: dict[str, Any] | None = None, **changes: Any
    ) -> Model:
        made = model(duel={**DUEL, **(duel or {})}, **changes)
        config = load_model(DAGS_FOLDER / "models" / f"{made.name}.yaml")
        environment = Environment(config.connection)
        engine = Reconciler(
            Endpoints(environment, config),
            EventTable(environment, config.events),
            Policy(),
            Cause(),
            lambda: datetime.now(UTC) - ago,
        )
        for weeks in (3, 2):
            end = LAST_MONDAY - weeks * WEEK
            offer = Offer(google.artifact, IMAGE, "1.6.1", 90.0, f"{weeks:064x}")
            run = Run(made.name, Interval(end - WEEK, end), 0)
            assert isinstance(engine.run(candidate(config, run, offer, "fresh")), Done)
        return made

    return make
