"""`python -m sandbox.demo`: seed the data, run the weekly DAG for some weeks, ask for a prediction.

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
from typing import Any, TextIO

from sandbox import airflow, linnerud, report
from sandbox.places import Home, State
from sandbox.processes import inherited

INSTANCE = [86.6, 91.4, 50]


def main(arguments: list[str] | None = None) -> int:
    """Play `--weeks` weeks, the last of which ended last; 0 when every run succeeded."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--weeks", type=int, default=2)
    options = parser.parse_args(arguments)
    home = Home(options.var.resolve())
    state = home.load()
    if "vertex" not in state.processes:
        print("the sandbox is not up; run `python -m sandbox up` first", file=sys.stderr)
        return 1
    environ = airflow.environment(home.var / "airflow", state)
    kept = inherited()
    os.environ.clear()
    os.environ.update(kept | environ)
    migration = airflow.migrate(environ)
    _seed(state)
    if migration.wait() != 0:
        print("`airflow db migrate` failed; run it to see why", file=sys.stderr)
        return 1
    terminal = os.fdopen(os.dup(1), "w", buffering=1)
    log = home.log("run")
    print(f"\nThe log of the runs: {log}")
    with _output_to(log):
        last = linnerud.last_end(datetime.now(UTC))
        ends = [last - timedelta(weeks=back) for back in reversed(range(options.weeks))]
        well = all(_play(end, terminal, log) for end in ends)
    _summary(state)
    return 0 if well else 1


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


def _play(end: datetime, terminal: TextIO, log: Path) -> bool:
    """One run of `linnerud__train` over the week that ended at `end`."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags["linnerud__train"]
    started = time.monotonic()
    print(
        f"\n{dag.dag_id}, week {end - timedelta(weeks=1):%Y-%m-%d} to {end:%Y-%m-%d}", file=terminal
    )

    def tell(context: Any) -> None:
        ti, error = context["ti"], context.get("exception")
        value = error or ti.xcom_pull(task_ids=ti.task_id)
        print(f"  {ti.task_id:18} {_words(value)}", file=terminal)

    for task in dag.tasks:
        for moment in ("on_success_callback", "on_skipped_callback", "on_failure_callback"):
            setattr(task, moment, [tell, *getattr(task, moment)])
    # Without a logical date: the scheduled run of that week stays free to come.
    run = dag.test(run_after=end, logical_date=None)
    print(f"  {run.state} after {time.monotonic() - started:.0f} s", file=terminal)
    if run.state != "success":
        print(f"  the reason is in {log}", file=terminal)
    return bool(run.state == "success")


def _words(value: Any) -> str:
    match value:
        case {"outcome": outcome, "reason": reason}:
            return f"{outcome}: {reason}"
        case {"job": job}:
            return str(job).rsplit("/", 1)[-1]
        case {"score": float(score), "offer": offer}:
            return f"score {score:.2f}, {'offered' if offer else 'under the gate'}"
        case {"summary": summary}:
            return str(summary)
        case _:
            return str(value)


def _summary(state: State) -> None:
    found = report.endpoints(state)
    print()
    for endpoint in found:
        print("\n".join(report.lines(state, endpoint)))
        if not endpoint.get("trafficSplit"):
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
def _output_to(path: Path) -> Iterator[None]:
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
