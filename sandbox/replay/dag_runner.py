"""Runs DAGs in this process by Airflow's `dag.test()`, and reports the result of each task."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from sandbox.replay.clock import Clock

Report = Callable[[str, str], None]


class NoSuchDag(Exception):
    """The DAG folder does not contain the DAG; the message has one sentence per line."""


def find_dag(dag_id: str) -> Any:
    """Parse Airflow's DAG folder, and return the DAG. Raises NoSuchDag."""
    # The import errors of this project are complete sentences; the log has the tracebacks.
    os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS"] = "False"
    from airflow.dag_processing.dagbag import DagBag

    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = DagBag(folder)
    if dag_id in bag.dags:
        return bag.dags[dag_id]
    missing = [f"{dag_id} is not there: {folder} has no file that makes it; add its YAML file"]
    raise NoSuchDag("\n".join(bag.import_errors.values() or missing))


def run_interval(
    dag_id: str,
    end: datetime,
    terminal: TextIO,
    log: Path,
    title: str = "",
    clock: Clock | None = None,
) -> bool:
    """Run the DAG for the data interval that ended at `end`; whether the run succeeded.

    Prints `title` (by default the week up to `end`) and one line per task on `terminal`. `log` is
    only named, for the reason of a failure. Raises NoSuchDag.
    """
    dag = find_dag(dag_id)
    started = time.monotonic()
    title = title or f"week {end - timedelta(weeks=1):%Y-%m-%d} to {end:%Y-%m-%d}"
    print(f"\n{dag_id}, {title}", file=terminal)

    def report(task_id: str, result: str) -> None:
        print(f"  {task_id:18} {result}", file=terminal)

    state = run_dag(dag, end, report, clock)
    print(f"  {state} after {time.monotonic() - started:.0f} s", file=terminal)
    if state != "success":
        print(f"  the reason is in {log}", file=terminal)
    return state == "success"


def run_dag(dag: Any, run_after: datetime, report: Report, clock: Clock | None = None) -> str:
    """Run `dag` as if it were due at `run_after`, and return the state of the run.

    `report` is called with the id and the result of each task that ends. `clock` becomes the clock
    of the tasks, by default the time of day. The DAG object is changed: use it for one run only.
    """
    skip_reasons: dict[str, str] = {}
    # `dag.test()` of Airflow 3.3 cannot end a run that has a deadline.
    dag.deadline = None

    def on_end(context: Any) -> None:
        ti = context["ti"]
        result = context.get("exception") or skip_reasons.get(ti.task_id)
        result = result or ti.xcom_pull(task_ids=ti.task_id) or str(ti.state)
        report(ti.task_id, _result_text(result))

    for task in dag.tasks:
        # A deferral needs no minimum here: `dag.test()` has no supervisor that reports late.
        task.shortest_deferral = timedelta(0)
        if clock is not None:
            task.clock = clock
        task.execute = _recording_skips(task.task_id, task.execute, skip_reasons)
        for callback in ("on_success_callback", "on_skipped_callback", "on_failure_callback"):
            setattr(task, callback, [on_end, *getattr(task, callback)])
    # Without a logical date, the scheduled run of that time can still be created.
    return str(dag.test(run_after=run_after, logical_date=None).state)


def _recording_skips(task_id: str, execute: Callable[..., Any], reasons: dict[str, str]) -> Any:
    """`execute`, which also records why it skips: Airflow's callbacks do not receive the reason."""
    from airflow.sdk.exceptions import AirflowSkipException

    def recording(context: Any) -> Any:
        try:
            return execute(context)
        except AirflowSkipException as skip:
            reasons[task_id] = f"skipped: {skip}"
            raise

    return recording


def _result_text(result: Any) -> str:
    match result:
        case {"outcome": outcome, "reason": reason}:
            return f"{outcome}: {reason}"
        case {"champion": {"version": champion}, "challenger": {"version": challenger}}:
            return f"{challenger} challenges {champion}"
        case {"job": job}:
            return str(job).rsplit("/", 1)[-1]
        case {"score": float(score), "candidate": candidate}:
            return f"score {score:.2f}, {'exported' if candidate else 'under the gate'}"
        case {"summary": summary}:
            return str(summary)
        case _:
            return str(result)


@contextlib.contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Redirect this process's stdout and stderr, which includes Airflow's logs, to a file."""
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
