"""Pipeline jobs that several dag runs wait for: runs of one interval have one job.

A job cannot be relabelled, so that it carries only the run that submitted it. Who else waits for
it, only Airflow knows: the states of the runs' tasks, and the job that each submitting task
returned. Both outlive a lost worker.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from titleholder.gcp.vertex.jobs import Jobs

_OVER = ("success", "failed", "skipped", "upstream_failed", "removed")
# The attempt may have found the job and not returned it yet. None, that of a task whose turn has
# not come, is not among them: it looks at the job after whatever is done to it now.
_UNDER_WAY = ("scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule")

States = Mapping[str, Mapping[str, str | None]]


def waiting_and_undecided(
    states: States, own: str, submit: str, wait: str
) -> tuple[list[str], list[str]]:
    """The runs other than `own` that wait for a job, and those that may be about to. Pure."""
    waiting, undecided = [], []
    for run, tasks in states.items():
        if run == own or tasks.get(wait) in _OVER:
            continue
        if tasks.get(submit) == "success":
            waiting.append(run)
        elif tasks.get(submit) in _UNDER_WAY:
            undecided.append(run)
    return waiting, undecided


def cancel_unshared(
    jobs: Jobs, names: Collection[str], context: Mapping[str, Any], why: str, log: Any
) -> None:
    """Cancel the jobs of these resource names that no other run of the context's DAG waits for;
    `why` is for the log. Raises whatever Airflow raises when it does not say who waits."""
    if not names:
        return
    waiting, undecided = _other_runs(context)
    for name in sorted(names):
        run = waiting.get(name) or next(iter(undecided), None)
        if run is not None:
            log.warning("%s: %s goes on, as %s waits for it or may be about to", why, name, run)
        else:
            log.warning("%s: cancelling %s", why, name)
            jobs.cancel(name)


def _other_runs(context: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The run that waits for each job, and runs that may be about to wait for one that is not known
    yet."""
    dag, ti, own = context["dag"], context["ti"], context["dag_run"].run_id
    jobs: dict[str, str] = {}
    unknown: list[str] = []
    for submit, wait in _pairs(dag):
        states = ti.get_task_states(dag_id=dag.dag_id, task_ids=[submit, wait])
        waiting, undecided = waiting_and_undecided(states, own, submit, wait)
        unknown += undecided
        for run in waiting:
            if job := _submitted(ti, dag.dag_id, run, submit):
                jobs[job] = run
            else:
                unknown.append(run)
    return jobs, unknown


def own_jobs(context: Mapping[str, Any]) -> list[str]:
    """The jobs that the context's run submitted or took up, as its tasks returned them."""
    dag, run_id = context["dag"], context["dag_run"].run_id
    found = (_submitted(context["ti"], dag.dag_id, run_id, submit) for submit, _ in _pairs(dag))
    return [job for job in found if job]


def _submitted(ti: Any, dag_id: str, run_id: str, task_id: str) -> str:
    """The resource name of the job that this task of a run returned; "" when it has not."""
    value = ti.xcom_pull(dag_id=dag_id, run_id=run_id, task_ids=task_id, map_indexes=None)
    return str(value["job"]) if isinstance(value, dict) and value.get("job") else ""


def _pairs(dag: Any) -> Iterator[tuple[str, str]]:
    """Each task that submits a job, with the one that waits for it."""
    for task in dag.tasks:
        if submit := getattr(task, "submitted_by", None):
            yield submit, task.task_id
