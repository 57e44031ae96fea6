"""Runs of a model's DAGs by Airflow's own `dag.test()`, the end of each task told."""

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

Clock = Callable[[], datetime]
Report = Callable[[str, str], None]


class NoSuchDag(Exception):
    """The DAG folder does not give it; the message says why, a sentence a line."""


def find_dag(dag_id: str) -> Any:
    """That DAG of Airflow's DAG folder, parsed anew. Raises NoSuchDag."""
    # What this package raises is written to be read alone; the log has the rest.
    os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS"] = "False"
    from airflow.dag_processing.dagbag import DagBag

    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = DagBag(folder)
    if dag_id in bag.dags:
        return bag.dags[dag_id]
    told = [f"{dag_id} is not there: {folder} has no file that makes it; add its YAML file"]
    raise NoSuchDag("\n".join(bag.import_errors.values() or told))


def run_interval(
    dag_id: str,
    end: datetime,
    terminal: TextIO,
    log: Path,
    about: str = "",
    clock: Clock | None = None,
) -> bool:
    """One run over the week that ended at `end`, or `about` something else, a line a task on
    `terminal`; whether it went well.

    `log` is only named, as where the reason of a failure is. Raises NoSuchDag.
    """
    dag = find_dag(dag_id)
    started = time.monotonic()
    about = about or f"week {end - timedelta(weeks=1):%Y-%m-%d} to {end:%Y-%m-%d}"
    print(f"\n{dag_id}, {about}", file=terminal)

    def tell(task_id: str, words: str) -> None:
        print(f"  {task_id:18} {words}", file=terminal)

    state = run_dag(dag, end, tell, clock)
    print(f"  {state} after {time.monotonic() - started:.0f} s", file=terminal)
    if state != "success":
        print(f"  the reason is in {log}", file=terminal)
    return state == "success"


def run_dag(dag: Any, at: datetime, tell: Report, clock: Clock | None = None) -> str:
    """The state in which a run of `dag` ends that was due at `at`.

    `tell` hears the id of each task that ends and what it came to. `clock` is the tasks' own, the
    time of day when there is none. A DAG is good for one run: look for it anew.
    """
    reasons: dict[str, str] = {}
    # `dag.test()` of Airflow 3.3 cannot end a run that has one.
    dag.deadline = None

    def ended(context: Any) -> None:
        ti = context["ti"]
        value = context.get("exception") or reasons.get(ti.task_id)
        tell(ti.task_id, _words(value or ti.xcom_pull(task_ids=ti.task_id) or str(ti.state)))

    for task in dag.tasks:
        # `dag.test()` has no supervisor whose news could come late.
        task.shortest_deferral = timedelta(0)
        if clock is not None:
            task.clock = clock
        task.execute = _recording_reasons(task.task_id, task.execute, reasons)
        for moment in ("on_success_callback", "on_skipped_callback", "on_failure_callback"):
            setattr(task, moment, [ended, *getattr(task, moment)])
    # Without a logical date: the scheduled run of that time stays free to come.
    return str(dag.test(run_after=at, logical_date=None).state)


def _recording_reasons(task_id: str, execute: Callable[..., Any], reasons: dict[str, str]) -> Any:
    """`execute`, and why it skips: Airflow's callbacks are not told that."""
    from airflow.sdk.exceptions import AirflowSkipException

    def noting(context: Any) -> Any:
        try:
            return execute(context)
        except AirflowSkipException as skip:
            reasons[task_id] = f"skipped: {skip}"
            raise

    return noting


def _words(value: Any) -> str:
    match value:
        case {"outcome": outcome, "reason": reason}:
            return f"{outcome}: {reason}"
        case {"champion": {"version": champion}, "challenger": {"version": challenger}}:
            return f"{challenger} challenges {champion}"
        case {"job": job}:
            return str(job).rsplit("/", 1)[-1]
        case {"score": float(score), "candidate": candidate}:
            return f"score {score:.2f}, {'offered' if candidate else 'under the gate'}"
        case {"summary": summary}:
            return str(summary)
        case _:
            return str(value)
