"""A champion and a challenger for daily runs, with a duel whose outcome a test chooses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import LAST_MONDAY, Google, Model, RunResult, deploy
from tests.dags.tiny_pipeline import IMAGE
from titleholder.events.event import Event
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "y",
    "loss": "absolute",
    "feature_columns": ["equal"],  # the case
    "target_columns": ["y"],
    "template": "tiny_duel.yaml",
    "min_duration": "1s",
}


def evaluate(
    made: Model, case: str, days_ago: int = 0, mark_success: str | None = None
) -> RunResult:
    """A daily run with this case of the tiny duel. Each needs a day of its own: the second run of a
    day reuses the duel of the first."""
    made.configure("duel", feature_columns=[case])
    day = datetime.now(UTC) - timedelta(days=days_ago)
    return made.run(day, dag="rollout", mark_success=mark_success)


def events_of(made: Model) -> list[Event]:
    return EventsTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)


def deploy_both(made: Model, google: Google, clock: Callable[[], datetime], **also: Any) -> None:
    """Deploy a champion and a challenger, as two weekly runs do at the time of `clock`."""
    for weeks in (3, 2):
        candidate = CandidateModel(
            google.artifact, ContainerSpec(image_uri=IMAGE), "1.6.1", 90.0, f"{weeks:064x}"
        )
        deploy(made, LAST_MONDAY - weeks * WEEK, candidate, clock, **also)


@pytest.fixture
def contested(
    model: Callable[..., Model], google: Google, clock: SandboxClock
) -> Callable[..., Model]:
    """Makes a model with a champion and a challenger that two weekly runs deployed `ago`; `duel`
    has keys of that section, `changes` are those of `model`."""

    def make(
        ago: timedelta = timedelta(0), duel: dict[str, Any] | None = None, **changes: Any
    ) -> Model:
        made = model(duel={**DUEL, **(duel or {})}, **changes)
        if ago:
            clock.move(datetime.now(UTC) - ago)
        deploy_both(made, google, clock)
        if ago:
            clock.reset()
        return made

    return make
