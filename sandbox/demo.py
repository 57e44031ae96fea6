"""`python -m sandbox.demo`: seed the data, run the weekly DAG for some weeks, ask for a prediction.

Needs a sandbox that is up. The DAGs run in this process by Airflow's own `dag.test()`; what they
log goes to a file, and each task's end is told on the terminal.
"""

import argparse
import contextlib
import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox import airflow, linnerud, report
from sandbox.places import Home, State
from sandbox.playing import NoSuchDag, find, play
from sandbox.processes import inherited

DAG_ID = "linnerud__train"
INSTANCE = [86.6, 91.4, 50]


def main(arguments: list[str] | None = None) -> int:
    """Play `--weeks` weeks, the last of which ended last; 0 when every run succeeded.

    1 with the import errors of the DAGs on stderr, and nothing done, when the DAG is not there.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--dags", type=Path, help="another DAG folder")
    options = parser.parse_args(arguments)
    home = Home(options.var.resolve())
    state = home.load()
    if "vertex" not in state.processes:
        print("the sandbox is not up; run `python -m sandbox up` first", file=sys.stderr)
        return 1
    environ = airflow.environment(home.var / "airflow", state, options.dags)
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
    try:
        if weeks:
            with output_to(log):
                find(DAG_ID)
        _seed(state)
    finally:
        migrated = migration.wait() == 0
    if not migrated:
        print("`airflow db migrate` failed; run it to see why", file=sys.stderr)
        return False
    print(f"\nThe log of the runs: {log}")
    with output_to(log):
        last = linnerud.last_end(datetime.now(UTC))
        ends = [last - timedelta(weeks=back) for back in reversed(range(weeks))]
        well = all(play(DAG_ID, end, terminal, log) for end in ends)
    _summary(state)
    return well


def _seed(state: State) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(
        project=state.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        location=state.location,
    )
    table = f"{state.project}.linnerud.measurements"
    rows = linnerud.load(client, datetime.now(UTC), table)
    print(f"seeded {table}: {rows:,} rows, 12 past weeks and the present one")


def _summary(state: State) -> None:
    found = report.endpoints(state)
    print()
    for endpoint in found:
        print("\n".join(report.lines(state, endpoint)))
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
