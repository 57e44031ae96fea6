"""Alerts for a task or run that failed, is late, or waits for its source. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.data_intervals import Interval
from titleholder.freshness import Finding

_CHANGES_TRAFFIC = ("update_traffic", "undo_promotion")
_SUBMITTED_BY = {"wait_for_duel": "submit_duel", "wait_for_watch": "submit_watch"}


@dataclass(frozen=True)
class FailedTask:
    """A task that failed and is not tried again: the run's data `interval` in words, and the cause
    in one sentence."""

    model: str
    interval: str
    task: str
    sentence: str
    kind: AlertKind = AlertKind.TASK
    links: tuple[Link, ...] = ()


def alert_for_task(failed: FailedTask) -> Alert:
    """The alert for a failed task."""
    model, task = failed.model, failed.task
    if failed.kind is AlertKind.MANUAL_CHANGE:
        traffic = "as it was changed by hand; Titleholder changed nothing."
        next_step = (
            f"Agree on what is right, then trigger {model}__rollout with the intent adopt or "
            f"restore, and clear {task} with what follows it."
        )
    elif task in _CHANGES_TRAFFIC:
        traffic = (
            "the champion goes on answering; what was changed before the failure stays, and the "
            "same task finishes it when it is repeated."
        )
        verdict = "; if it was to carry out a verdict, clear the run from observe on"
        next_step = f"Correct the cause, then clear {task}"
        next_step += f"{verdict}." if task == "update_traffic" else "."
    else:
        traffic = f"unchanged, as {task} does not touch it."
        next_step = f"Correct the cause, then clear {task} with what follows it."
    if failed.kind is AlertKind.INVALID_REQUEST:
        next_step = (
            "Trigger the DAG again with a request that is possible; clearing this run repeats the "
            "same one."
        )
    if failed.kind is AlertKind.PIPELINE:
        start = _SUBMITTED_BY.get(task, "submit_pipeline")
        next_step = (
            f"Read the step's log, correct the cause, then clear {start} with what follows it."
        )
    summary = f"{task} failed: {failed.sentence.removeprefix(f'{model}: ')}"
    summary = summary if summary.endswith((".", "!", "?")) else f"{summary}."
    return Alert(failed.kind, model, failed.interval, summary, traffic, next_step, failed.links)


def alert_for_run(model: str, interval: str, reason: str) -> Alert:
    """The alert for a run that failed without a failed task; `reason` is Airflow's, a word or
    two."""
    return Alert(
        AlertKind.RUN,
        model,
        interval,
        f"The run failed: {reason.replace('_', ' ')}.",
        "the champion goes on answering.",
        "Look at the run in Airflow, then clear it.",
    )


def alert_for_late_run(model: str, run: str, interval: str, due: str) -> Alert:
    """The alert for a run that should have ended by `due`."""
    return Alert(
        AlertKind.LATE,
        model,
        interval,
        f"{run} goes on, and should have ended by {due}.",
        "the champion goes on answering, until the run comes to update_traffic.",
        "See in Airflow what it waits for: workers, the source, Vertex AI, or an approval.",
    )


def alert_for_stale_source(
    model: str, interval: Interval, finding: Finding, poke_interval: timedelta, now: datetime
) -> Alert:
    """The alert for a stale source, which the run waits for until `finding.wait_until`."""
    late = (now - interval.end) / timedelta(hours=1)
    minute = timedelta(minutes=1)
    every = (
        f"{poke_interval / minute:g} min"
        if poke_interval >= minute
        else f"{poke_interval.total_seconds():g} s"
    )
    return Alert(
        AlertKind.STALE,
        model,
        f"data of {interval}",
        f"{late:.1f} h after the end of the interval: {finding.reason}.",
        "unchanged; this interval's model is not trained yet.",
        f"Load the rows: the run checks every {every} and continues by itself; at "
        f"{finding.wait_until:%Y-%m-%d %H:%M} UTC it fails.",
    )
