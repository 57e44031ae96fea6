"""A champion and a challenger that daily runs judge, by a duel that comes out as a test chooses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import LAST_MONDAY, Google, Model, Played, seat
from tests.dags.tiny_duel import CASES
from tests.dags.tiny_pipeline import IMAGE
from titleholder.events.event import Event
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.pipelines.contract import CandidateModel

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "equal",
    "loss": "absolute",
    "feature_columns": ["x"],
    "target_columns": CASES,
    "template": "tiny_duel.yaml",
    "min_duration": "1s",
}


def judge(made: Model, case: str, days_ago: int = 0, mark_success: str | None = None) -> Played:
    """A daily run whose duel comes out so. Each has a day of its own: of two on one day the second
    would take up the duel of the first."""
    made.change("duel", target=case)
    day = datetime.now(UTC) - timedelta(days=days_ago)
    return made.play(day, dag="rollout", mark_success=mark_success)


def events_of(made: Model) -> list[Event]:
    return EventsTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)


def seat_both(made: Model, google: Google, clock: Callable[[], datetime], **also: Any) -> None:
    """Seat a champion and a challenger, as two weekly runs would at that time."""
    for weeks in (3, 2):
        candidate = CandidateModel(google.artifact, IMAGE, "1.6.1", 90.0, f"{weeks:064x}")
        seat(made, LAST_MONDAY - weeks * WEEK, candidate, clock, **also)


@pytest.fixture
def contested(
    model: Callable[..., Model], google: Google, clock: SandboxClock
) -> Callable[..., Model]:
    """Makes a model with a champion and a challenger, as two weekly runs would have seated them
    `ago`; keys of the duel's section beside others'."""

    def make(
        ago: timedelta = timedelta(0), duel: dict[str, Any] | None = None, **changes: Any
    ) -> Model:
        made = model(duel={**DUEL, **(duel or {})}, **changes)
        if ago:
            clock.move(datetime.now(UTC) - ago)
        seat_both(made, google, clock)
        if ago:
            clock.reset()
        return made

    return make
