"""Weeks played one after the other on a moved clock, as `make run WEEKS=8` plays them."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.replay.clock import SandboxClock
from sandbox.replay.replay import Replay, evaluation_times
from sandbox.replay.replay_report import replay_report
from sandbox.state import Home
from tests.conftest import Sandbox
from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.tiny_duel import CASES
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "better",
    "loss": "absolute",
    "feature_columns": ["x"],
    "target_columns": CASES,
    "template": "tiny_duel.yaml",
}


@pytest.mark.long
def test_weeks_are_played_in_their_own_time(
    model: Callable[..., Model],
    google: Google,
    sandbox: Sandbox,
    clock: SandboxClock,
    tmp_path: Path,
) -> None:
    made, terminal = model(duel=DUEL), io.StringIO()
    ends = [LAST_MONDAY - back * WEEK for back in (2, 1, 0)]
    filled: list[datetime] = []

    def fill(now: datetime) -> None:
        filled.append(now)
        made.load(*(end - timedelta(minutes=5) for end in ends if end <= now))

    state = Home(sandbox.var).load()
    season = Replay(state, made.name, fill, terminal, tmp_path / "run.log")
    weeks, well = season.run(ends)
    assert well, terminal.getvalue()
    assert [week.end for week in weeks] == ends

    # In the first week there is nobody to judge; in the second the challenger wins on Tuesday at
    # 05:00, a day after it came, and what would only skip is not played.
    tuesday = ends[1] + timedelta(days=1, hours=2)
    assert filled == [*ends[:2], tuesday, ends[2]]
    told = [line for line in terminal.getvalue().splitlines() if "promote:" in line]
    assert [line.split()[:3] for line in told] == [["Tue", f"{tuesday:%Y-%m-%d}", "05:00"]]

    events = EventsTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)
    moments = [event.time for event in events]
    for moment, at in zip(moments, [ends[0], ends[1], tuesday, tuesday, ends[2]], strict=True):
        assert timedelta(0) <= moment - at < timedelta(hours=1), events
    endpoint = google.endpoint(made.name)
    assert timedelta(0) <= endpoint.update_time - ends[2] < timedelta(hours=1)
    earned = [line.split()[3] for line in replay_report(weeks, events)[1:]]
    assert earned == ["first", "promoted", "not"]

    # Whoever comes next lives in the present.
    clock.reset()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_run_that_fails_is_the_last_and_the_clock_goes_back(
    model: Callable[..., Model], sandbox: Sandbox, google: Google, tmp_path: Path
) -> None:
    made, terminal = model(duel=DUEL), io.StringIO()
    made.load(LAST_MONDAY)  # of the future, two weeks before
    state = Home(sandbox.var).load()
    season = Replay(state, made.name, lambda now: None, terminal, tmp_path / "run.log")
    weeks, well = season.run([LAST_MONDAY - back * WEEK for back in (2, 1, 0)])
    assert (len(weeks), well) == (1, False)
    assert f"the reason is in {tmp_path}/run.log" in terminal.getvalue()
    endpoint = google.endpoints.create_endpoint(
        parent=google.parent, endpoint={"display_name": "now"}
    ).result(timeout=60)
    assert abs(endpoint.create_time - datetime.now(UTC)) < timedelta(hours=1)


def test_days_begin_with_the_first_rows(model: Callable[..., Model]) -> None:
    from sandbox.replay.dag_runner import find_dag

    made = model(duel=DUEL | {"label_delay": "3d", "schedule": "0 5 * * *"})
    days = list(
        evaluation_times(find_dag(f"{made.name}__rollout"), LAST_MONDAY, LAST_MONDAY + WEEK)
    )
    assert [f"{day:%a %H:%M}" for day in days] == [
        "Thu 05:00",
        "Fri 05:00",
        "Sat 05:00",
        "Sun 05:00",
    ]
    plain = model()
    assert not list(
        evaluation_times(find_dag(f"{plain.name}__rollout"), LAST_MONDAY, LAST_MONDAY + WEEK)
    )
