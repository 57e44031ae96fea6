"""Weeks replayed on a moved clock, as by `make run WEEKS=8`."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.replay.clock import SandboxClock
from sandbox.replay.replay import Replay, evaluation_times
from sandbox.replay.replay_report import HEAD, replay_rows
from sandbox.replay.run_report import RunReport
from sandbox.state import Home
from sandbox.terminal import Terminal
from tests.conftest import Sandbox
from tests.dags.conftest import LAST_MONDAY, Google, Model
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "y",
    "loss": "absolute",
    "feature_columns": ["better"],
    "target_columns": ["y"],
    "template": "tiny_duel.yaml",
}


@pytest.mark.long
def test_weeks_are_replayed_at_their_own_time(
    model: Callable[..., Model],
    google: Google,
    sandbox: Sandbox,
    clock: SandboxClock,
) -> None:
    made, terminal = model(duel=DUEL), io.StringIO()
    ends = [LAST_MONDAY - back * WEEK for back in (2, 1, 0)]
    filled: list[datetime] = []

    def fill(now: datetime) -> None:
        filled.append(now)
        made.load(*(end - timedelta(minutes=5) for end in ends if end <= now))

    runs = RunReport(Home(sandbox.var).load(), Terminal(terminal))
    replay = Replay(runs, made.name, fill)
    weeks, well = replay.run(ends)
    assert well, terminal.getvalue()
    assert [week.end for week in weeks] == ends

    # The first week has no challenger; that of the second is promoted on Tuesday at 05:00, a day
    # after its deployment. Runs that would only skip are left out.
    tuesday = ends[1] + timedelta(days=1, hours=2)
    assert filled == [*ends[:2], tuesday, ends[2]]
    promotions = [line for line in terminal.getvalue().splitlines() if "promote:" in line]
    assert [line.split()[:3] for line in promotions] == [["Tue", f"{tuesday:%Y-%m-%d}", "05:00"]]

    events = EventsTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)
    times = [event.time for event in events]
    for time, at in zip(times, [ends[0], ends[1], tuesday, tuesday, ends[2]], strict=True):
        assert timedelta(0) <= time - at < timedelta(hours=1), events
    endpoint = google.endpoint(made.name)
    assert timedelta(0) <= endpoint.update_time - ends[2] < timedelta(hours=1)
    outcomes = [row[HEAD.index("outcome")] for row in replay_rows(weeks, events)]
    assert outcomes == ["first champion", "promoted", "not evaluated yet"]

    # Later tests need the present time.
    clock.reset()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_failed_run_ends_the_replay_and_resets_the_clock(
    model: Callable[..., Model], sandbox: Sandbox, google: Google
) -> None:
    made, terminal = model(duel=DUEL), io.StringIO()
    made.load(LAST_MONDAY)  # of the future, two weeks before
    runs = RunReport(Home(sandbox.var).load(), Terminal(terminal))
    replay = Replay(runs, made.name, lambda now: None)
    weeks, well = replay.run([LAST_MONDAY - back * WEEK for back in (2, 1, 0)])
    assert (len(weeks), well) == (1, False)
    log = re.search(r"the log of check_freshness: (.*)", terminal.getvalue())
    assert log is not None
    assert Path(log[1]).is_file()
    endpoint = google.endpoints.create_endpoint(
        parent=google.parent, endpoint={"display_name": "now"}
    ).result(timeout=60)
    assert abs(endpoint.create_time - datetime.now(UTC)) < timedelta(hours=1)


def test_evaluations_begin_with_the_first_labelled_rows(model: Callable[..., Model]) -> None:
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
