"""`python -m sandbox demo`: load the example's data, run its DAGs, and request a prediction."""

import argparse
import json
import os
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import endpoint_report as report
from sandbox.example import linnerud
from sandbox.next_steps import after_run
from sandbox.replay.dag_runner import NoSuchDag, find_dag, output_to
from sandbox.replay.replay import Replay
from sandbox.replay.replay_report import print_replay
from sandbox.replay.run_report import RunReport
from sandbox.services import airflow
from sandbox.state import Home, State
from sandbox.terminal import Terminal
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment

MODEL, EVENTS = "linnerud", "titleholder.events"
TRAIN = f"{MODEL}__train"
INSTANCE = [86.6, 91.4, 50]


def demo(home: Home, options: argparse.Namespace) -> int:
    """Run the last `--weeks` complete weeks; 0 if every run succeeded.

    If the DAG is missing, print its import errors on stderr, change nothing and return 1.
    """
    state = home.load_running()
    airflow.enter_environment(home, state, options.dags)
    terminal = Terminal(os.fdopen(os.dup(1), "w", buffering=1))
    try:
        succeeded = _demonstrate(home, state, options.weeks, terminal)
    except NoSuchDag as error:
        print(f"{error}\nMore is in {home.log('run')}", file=sys.stderr)
        return 1
    if options.weeks:
        _summary(state, terminal)
        after_run(home, state, terminal)
    return 0 if succeeded else 1


def _demonstrate(home: Home, state: State, weeks: int, terminal: Terminal) -> bool:
    """Whether all runs succeeded. Raises NoSuchDag before any data is loaded."""
    log, migration = home.log("run"), airflow.Migration(home, dict(os.environ))
    now = datetime.now(UTC)
    last = linnerud.last_end(now)
    ends = [last - timedelta(weeks=back) for back in reversed(range(weeks))]
    # In two weeks the first model becomes champion and the second one challenger; no duel falls
    # between them, so both can run now. From three weeks on the clock has to move.
    move_clock = weeks > 2
    source = linnerud.Source(state)
    with terminal.progress("loading the example's data"):
        try:
            if weeks:
                with output_to(log):
                    find_dag(TRAIN)
            rows = source.fill(ends[0] if move_clock else now)
        finally:
            migrated = migration.succeeded()
    later = "each later row at its time" if move_clock else "the current week"
    terminal.print(f"loaded {source.table}: {rows:,} rows, 12 past weeks and {later}")
    if not migrated:
        print("`airflow db migrate` failed; run it to see why", file=sys.stderr)
        return False
    runs = RunReport(state, terminal)
    with output_to(log):
        if not move_clock:
            return all(runs.run_interval(TRAIN, end) for end in ends)
        succeeded = _replay(Replay(runs, MODEL, source.fill), ends)
        source.fill(datetime.now(UTC))
        return succeeded


def _replay(replay: Replay, ends: list[datetime]) -> bool:
    terminal = replay.runs.terminal
    terminal.print(
        "The clock is moved to the time of each run: the weekly run, then the daily runs from\n"
        "the first day with rows to evaluate until the challenger is promoted or removed, or the\n"
        "next week begins. Daily runs without a challenger would only skip, so they are left out,\n"
        "as are those after the last weekly run."
    )
    started = time.monotonic()
    weeks, succeeded = replay.run(ends)
    seconds = time.monotonic() - started
    events = EventsTable(Environment("google_cloud_default"), EVENTS).read(MODEL)
    terminal.print()
    print_replay(terminal, weeks, events)
    terminal.print(f"{len(weeks)} weeks in {seconds:.0f} s; the clock shows the time of day again")
    return succeeded


def _summary(state: State, terminal: Terminal) -> None:
    for endpoint in report.print_endpoints(state, terminal):
        if not endpoint.get("trafficSplit") or endpoint["displayName"] != MODEL:
            continue
        url = report.predict_url(state, endpoint)
        body = json.dumps({"instances": [INSTANCE]})
        terminal.print()
        terminal.print(f"curl -X POST -H 'Content-Type: application/json' -d '{body}' \\")
        terminal.print(f"  {url}")
        request = urllib.request.Request(
            url, body.encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with terminal.progress(""), urllib.request.urlopen(request, timeout=30) as response:
            text = _compact(json.load(response))
        terminal.print((text, "dim"))


def _compact(response: dict[str, Any]) -> str:
    """JSON with a line for each key."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in response.items()]
    return "{\n" + ",\n".join(lines) + "\n}"
