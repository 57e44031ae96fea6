"""Runs DAGs in this process by Airflow's `dag.test()`; its UI finds the runs and their logs."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.replay.clock import Clock


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


@dataclass(frozen=True)
class TaskResult:
    """A task that ended: its state (success, skipped or failed), its result in one sentence, the
    file of its log, and the pipeline job that it submitted, if it did."""

    task_id: str
    state: str
    text: str
    log: Path
    job: str = ""


def run_dag(
    dag: Any,
    run_after: datetime,
    on_start: Callable[[str], None],
    on_end: Callable[[TaskResult], None],
    clock: Clock | None = None,
) -> str:
    """Run `dag` as if it were due at `run_after`, and return the state of the run.

    `on_start` is called with the id of each task that starts or resumes, `on_end` for each task
    that ends. `clock` becomes the clock of the tasks, by default the time of day. The DAG object is
    changed: use it for one run only.

    The run and the logs of its tasks stay in Airflow's database and log folder, where its UI finds
    them. A second run of the DAG with the same `run_after` replaces the first.
    """
    skip_reasons: dict[str, str] = {}
    logs = _TaskLogs()
    # `dag.test()` of Airflow 3.3 cannot end a run that has a deadline, and has no tasks in one
    # before the DAG's start, which is far off where only assets start runs.
    dag.deadline = dag.start_date = None

    def start(context: Any) -> None:
        logs.open(context["ti"])
        on_start(context["ti"].task_id)

    def end(state: str, context: Any) -> None:
        ti = context["ti"]
        result = context.get("exception") or skip_reasons.get(ti.task_id)
        result = result or ti.xcom_pull(task_ids=ti.task_id) or state
        job = result.get("job", "") if isinstance(result, dict) else ""
        on_end(TaskResult(ti.task_id, state, _result_text(result), logs.path, str(job)))

    for task in dag.tasks:
        # A deferral needs no minimum here: `dag.test()` has no supervisor that reports late.
        task.shortest_deferral = timedelta(0)
        task.start_date = None
        if clock is not None:
            task.clock = clock
        task.execute = _recording_skips(task.task_id, type(task).execute, skip_reasons)
        task.on_execute_callback = [start, *task.on_execute_callback]
        for state, word in (("success", "success"), ("skipped", "skipped"), ("failed", "failure")):
            name = f"on_{word}_callback"
            setattr(task, name, [partial(end, state), *getattr(task, name)])
    # `dag.test()` deletes an earlier run with the same logical date, none included. That of a
    # scheduled run is a boundary of its interval: a second later, both can exist. The data interval
    # is the last one that is complete then.
    logical_date, started = run_after + timedelta(seconds=1), datetime.now(UTC)
    try:
        run = dag.test(run_after=run_after, logical_date=logical_date)
    finally:
        logs.close()
    _set_start(run.id, started)
    return str(run.state)


def _set_start(run_id: int, started: datetime) -> None:
    """`dag.test()` records the logical date as the start, which makes the run days long."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        session.get_one(DagRun, run_id).start_date = started


class _TaskLogs:
    """Redirects output to the log of the task that runs, until the next one starts."""

    def __init__(self) -> None:
        self.path = Path()
        self._redirection = contextlib.ExitStack()

    def open(self, ti: Any) -> None:
        from airflow.sdk.log import init_log_file
        from airflow.utils.helpers import log_filename_template_renderer

        self.close()
        self.path = init_log_file(log_filename_template_renderer()(ti=ti))
        self._redirection.enter_context(output_to(self.path))

    def close(self) -> None:
        self._redirection.close()


def _recording_skips(task_id: str, execute: Callable[..., Any], reasons: dict[str, str]) -> Any:
    """`execute`, which also records why it skips: Airflow's callbacks do not receive the reason."""
    from airflow.sdk.exceptions import AirflowSkipException

    def recording(context: Any) -> Any:
        try:
            # Airflow executes a copy of the task, which has its rendered templates.
            return execute(context["task"], context)
        except AirflowSkipException as skip:
            reasons[task_id] = f"skipped: {skip}"
            raise

    return recording


def _result_text(result: Any) -> str:
    match result:
        case {"outcome": outcome, "reason": reason}:
            return f"{outcome}: {reason}"
        case {"phase": _, "reason": reason}:
            return str(reason)
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
