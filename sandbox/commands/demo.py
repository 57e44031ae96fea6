"""`python -m sandbox demo`: load the example's data, run its DAGs, and request a prediction."""

import argparse
import json
import os
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.example import linnerud
from sandbox.replay.dag_runner import NoSuchDag, find_dag, output_to, run_interval
from sandbox.replay.replay import Replay
from sandbox.replay.replay_report import replay_report
from sandbox.services import airflow
from sandbox.state import Home, State
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
    airflow.enter_environment(home.airflow, state, options.dags)
    log = home.log("run")
    try:
        return 0 if _demonstrate(state, options.weeks, log) else 1
    except NoSuchDag as error:
        print(f"{error}\nMore is in {log}", file=sys.stderr)
        return 1


def _demonstrate(state: State, weeks: int, log: Path) -> bool:
    """Whether all runs succeeded. Raises NoSuchDag before any data is loaded."""
    terminal = os.fdopen(os.dup(1), "w", buffering=1)
    migration = airflow.migrate(dict(os.environ))
    now = datetime.now(UTC)
    last = linnerud.last_end(now)
    ends = [last - timedelta(weeks=back) for back in reversed(range(weeks))]
    # In two weeks the first model becomes champion and the second one challenger; no duel falls
    # between them, so both can run now. From three weeks on the clock has to move.
    move_clock = weeks > 2
    source = linnerud.Source(state)
    try:
        if weeks:
            with output_to(log):
                find_dag(TRAIN)
        rows = source.fill(ends[0] if move_clock else now)
    finally:
        migrated = migration.wait() == 0
    later = "each later row at its time" if move_clock else "the current week"
    print(f"loaded {source.table}: {rows:,} rows, 12 past weeks and {later}")
    if not migrated:
        print("`airflow db migrate` failed; run it to see why", file=sys.stderr)
        return False
    print(f"\nThe log of the runs: {log}")
    with output_to(log):
        if move_clock:
            succeeded = _replay(Replay(state, MODEL, source.fill, terminal, log), ends)
            source.fill(datetime.now(UTC))
        else:
            succeeded = all(run_interval(TRAIN, end, terminal, log) for end in ends)
    _summary(state)
    return succeeded


def _replay(replay: Replay, ends: list[datetime]) -> bool:
    print(
        "The clock is moved to the time of each run: the weekly run, then the daily runs from\n"
        "the first day with rows to evaluate until the challenger is promoted or removed, or the\n"
        "next week begins. Daily runs without a challenger would only skip, so they are left out,\n"
        "as are those after the last weekly run.",
        file=replay.terminal,
    )
    started = time.monotonic()
    weeks, succeeded = replay.run(ends)
    seconds = time.monotonic() - started
    events = EventsTable(Environment("google_cloud_default"), EVENTS).read(MODEL)
    print(
        "",
        *replay_report(weeks, events),
        "ahead by: the loss of the champion minus the loss of the challenger, with its interval, "
        "at the last verdict",
        f"{len(weeks)} weeks in {seconds:.0f} s; the clock shows the time of day again",
        sep="\n",
        file=replay.terminal,
    )
    return succeeded


def _summary(state: State) -> None:
    print()
    for endpoint, text in report.described(state):
        print(text)
        if not endpoint.get("trafficSplit") or endpoint["displayName"] != MODEL:
            continue
        url = report.predict_url(state, endpoint)
        body = json.dumps({"instances": [INSTANCE]})
        print(f"\ncurl -X POST -H 'Content-Type: application/json' -d '{body}' \\\n  {url}")
        request = urllib.request.Request(
            url, body.encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            print(json.dumps(json.load(response), indent=2))
    print("\nThe sandbox is still running; `make status` shows it, `make down` stops it.")
