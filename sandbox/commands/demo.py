"""`python -m sandbox.commands.demo`: seeds the data, runs the weekly DAG, asks for a prediction.

Needs a sandbox that is up. The DAGs run in this process by Airflow's own `dag.test()`; what they
log goes to a file, and each task's end is told on the terminal.
"""

import argparse
import contextlib
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.example import linnerud
from sandbox.example.source import Source
from sandbox.replay.dag_runner import NoSuchDag, find_dag, run_interval
from sandbox.replay.replay import Replay
from sandbox.replay.replay_report import replay_report
from sandbox.services import airflow
from sandbox.services.processes import inherited
from sandbox.state import Home, State
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment

MODEL, EVENTS = "linnerud", "titleholder.events"
TRAIN = f"{MODEL}__train"
INSTANCE = [86.6, 91.4, 50]


def main(arguments: list[str] | None = None) -> int:
    """Play `--weeks` weeks, the last of which ended last; 0 when every run succeeded.

    1 with the import errors of the DAGs on stderr, and nothing done, when the DAG is not there.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox.commands.demo", description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--dags", type=Path, help="another DAG folder")
    options = parser.parse_args(arguments)
    home = Home(options.var.resolve())
    state = home.load()
    if "vertex" not in state.processes:
        print("the sandbox is not up; run `python -m sandbox up` first", file=sys.stderr)
        return 1
    environ = airflow.environment(home.airflow, state, options.dags)
    kept = inherited()
    os.environ.clear()
    os.environ.update(kept | environ)
    log = home.log("run")
    try:
        return 0 if _demonstrate(state, options.weeks, environ, log) else 1
    except NoSuchDag as error:
        print(f"{error}\nMore is in {log}", file=sys.stderr)
        return 1


def _demonstrate(state: State, weeks: int, environ: dict[str, str], log: Path) -> bool:
    """Whether all went well. Raises NoSuchDag, with nothing seeded when it is known before."""
    terminal = os.fdopen(os.dup(1), "w", buffering=1)
    migration = airflow.migrate(environ)
    now = datetime.now(UTC)
    last = linnerud.last_end(now)
    ends = [last - timedelta(weeks=back) for back in reversed(range(weeks))]
    # Of two weeks the first crowns a champion and the second seats a challenger: nobody is judged
    # in between, and both may be played now.
    season = weeks > 2
    source = Source(state)
    try:
        if weeks:
            with output_to(log):
                find_dag(TRAIN)
        rows = source.fill(ends[0] if season else now)
    finally:
        migrated = migration.wait() == 0
    then = "each later row in its time" if season else "the present one"
    print(f"seeded {source.table}: {rows:,} rows, 12 past weeks and {then}")
    if not migrated:
        print("`airflow db migrate` failed; run it to see why", file=sys.stderr)
        return False
    print(f"\nThe log of the runs: {log}")
    with output_to(log):
        if season:
            well = _season(Replay(state, MODEL, source.fill, terminal, log), ends)
            source.fill(datetime.now(UTC))
        else:
            well = all(run_interval(TRAIN, end, terminal, log) for end in ends)
    _summary(state)
    return well


def _season(season: Replay, ends: list[datetime]) -> bool:
    print(
        "The clock is moved to each run: the weekly one, then the daily one, from the first day\n"
        "with rows to judge by until the challenger's fate is decided or the next week comes.\n"
        "Without a challenger a day would only skip: none such is played, nor any after the last\n"
        "weekly run.",
        file=season.terminal,
    )
    begun = time.monotonic()
    weeks, well = season.play(ends)
    took = time.monotonic() - begun
    events = EventsTable(Environment("google_cloud_default"), EVENTS).read(MODEL)
    print(
        "",
        *replay_report(weeks, events),
        "ahead by: the loss that decides, champion's minus challenger's, and its interval, at the "
        "last verdict",
        f"{len(weeks)} weeks in {took:.0f} s; the clock shows the time of day again",
        sep="\n",
        file=season.terminal,
    )
    return well


def _summary(state: State) -> None:
    found = report.endpoints(state)
    changes = report.last_changes(state, found)
    print()
    for endpoint in found:
        print("\n".join(report.lines(endpoint, changes.get(endpoint["name"], ""))))
        if not endpoint.get("trafficSplit") or endpoint["displayName"] != "linnerud":
            continue
        url = report.predict_url(state, endpoint)
        body = json.dumps({"instances": [INSTANCE]})
        print(f"\ncurl -X POST -H 'Content-Type: application/json' -d '{body}' \\\n  {url}")
        request = urllib.request.Request(
            url, body.encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            print(json.dumps(json.load(answer), indent=2))
    print("\nThe sandbox goes on running; `make status` shows it, `make down` ends it.")


@contextlib.contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Send what the process writes to stdout and stderr, Airflow's logs among it, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in enumerate(saved, start=1):
                os.dup2(copy, stream)
                os.close(copy)


if __name__ == "__main__":
    sys.exit(main())
