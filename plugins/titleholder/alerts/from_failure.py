"""What is told of a task or a run that failed, or that is late."""

from dataclasses import dataclass

from titleholder.alerts.alert import Alert, AlertKind, Link

_TOUCHES_TRAFFIC = "update_traffic"


@dataclass(frozen=True)
class FailedTask:
    """A task that failed for good: its cause in a sentence, and what is known of it. `week` is the
    run's data interval in words."""

    model: str
    week: str
    task: str
    sentence: str
    kind: AlertKind = AlertKind.TASK
    links: tuple[Link, ...] = ()


def alert_for_task(failed: FailedTask) -> Alert:
    """The alert of a failed task."""
    model, task = failed.model, failed.task
    if failed.kind is AlertKind.MANUAL_CHANGE:
        traffic = "as that person left it; Titleholder changed nothing."
        todo = (
            f"Agree on what is right, then trigger {model}__rollout with the intent adopt or "
            f"restore, and clear {task} with what follows it."
        )
    elif task == _TOUCHES_TRAFFIC:
        traffic = (
            "the champion goes on answering; what was changed before the failure stays, and the "
            "same task finishes it when it is repeated."
        )
        todo = (
            f"Mend the cause, then clear {task}; where it was to carry out a verdict, clear the "
            "run from observe on."
        )
    else:
        traffic = f"unchanged, as {task} does not touch it."
        todo = f"Mend the cause, then clear {task} with what follows it."
    if failed.kind is AlertKind.PIPELINE:
        start = "submit_duel" if task == "wait_for_duel" else "submit_pipeline"
        todo = f"Read the step's log, mend the cause, then clear {start} with what follows it."
    what = f"{task} failed: {failed.sentence.removeprefix(f'{model}: ')}"
    return Alert(failed.kind, model, failed.week, _ended(what), traffic, todo, failed.links)


def alert_for_run(model: str, week: str, reason: str) -> Alert:
    """The alert of a run that failed though no task did: Airflow's `reason` is a word or two."""
    return Alert(
        AlertKind.RUN,
        model,
        week,
        f"The run failed: {reason.replace('_', ' ')}.",
        "the champion goes on answering.",
        "Look at the run in Airflow, then clear it.",
    )


def alert_for_late_run(model: str, run: str, week: str, due: str) -> Alert:
    """The alert of a run that should have ended by `due`."""
    return Alert(
        AlertKind.LATE,
        model,
        week,
        f"{run} goes on, and should have ended by {due}.",
        "the champion goes on answering, until the run comes to update_traffic.",
        "See in Airflow what it waits for: workers, the source, Vertex AI, or a person.",
    )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
