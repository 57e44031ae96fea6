"""Alerts from the context that Airflow gives a callback, of a failure or a deadline.

Task callbacks receive Airflow's objects, a deadline's callback a mapping of the same names, and the
callbacks of a whole run very little.
"""

from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from airflow.sdk.configuration import conf

from titleholder.alerts.alert import Alert, Link
from titleholder.alerts.from_failure import (
    FailedTask,
    alert_for_late_run,
    alert_for_run,
    alert_for_task,
)
from titleholder.alerts.task_failure import TaskFailure, failure_sentence


def alert_from_context(model: str, context: Any) -> Alert | None:
    """The alert for a callback; None where another callback sends one, or nothing is late."""
    if "deadline" in context:
        return _late(model, context)
    reason = context.get("reason")
    if reason is None:
        return _failed(model, context)
    # The callback of a whole run. Every task that fails has one of its own.
    interval = _interval(context.get("dag_run"))
    return None if reason == "task_failure" else alert_for_run(model, interval, str(reason))


def run_page(context: Any) -> str:
    """The run in Airflow's UI; "" when it is not known."""
    dag_run = context.get("dag_run")
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    if dag_run is None or not base:
        return ""
    return f"{base}/dags/{_field(dag_run, 'dag_id')}/runs/{quote(str(_run_id(dag_run)))}"


def is_backfill(context: Any) -> bool:
    """Whether the run was started by a backfill; reprocessing keeps a run's id, not its type."""
    return bool(_field(context.get("dag_run"), "run_type") == "backfill")


def _failed(model: str, context: Any) -> Alert:
    ti, error = context.get("ti"), context.get("exception")
    known = error if isinstance(error, TaskFailure) else TaskFailure("")
    return alert_for_task(
        FailedTask(
            model,
            _interval(context.get("dag_run")),
            str(_field(ti, "task_id") or "a task"),
            failure_sentence(error),
            known.kind,
            (Link("Log", str(_field(ti, "log_url") or "")), *known.links),
        )
    )


def _late(model: str, context: Any) -> Alert | None:
    dag_run = context["dag_run"]
    if _field(dag_run, "state") in ("success", "failed"):
        return None
    due = f"{_time(context['deadline']['deadline_time']):%Y-%m-%d %H:%M} UTC"
    run = f"{_field(dag_run, 'dag_id')} ({_run_id(dag_run)})"
    return alert_for_late_run(model, run, _interval(dag_run), due)


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, dict) else getattr(record, name, None)


def _run_id(dag_run: Any) -> Any:
    return _field(dag_run, "run_id") or _field(dag_run, "dag_run_id")


def _interval(dag_run: Any) -> str:
    start, end = (_field(dag_run, f"data_interval_{which}") for which in ("start", "end"))
    if not start or not end or start == end:
        return f"run {_run_id(dag_run)}" if dag_run is not None else "an unknown run"
    return f"data of {_time(start):%Y-%m-%d %H:%M} to {_time(end):%Y-%m-%d %H:%M} UTC"


def _time(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else cast(datetime, value)
