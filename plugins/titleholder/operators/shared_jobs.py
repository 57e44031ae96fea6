"""Cancels pipeline jobs, except those that another dag run waits for: runs of one data interval
share one job.

A job's labels are final and name only the run that submitted it. Which other runs wait for it is
known to Airflow alone, by the states of their tasks and the result of each submitting task. Both
outlive a lost worker.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import dag_run_label

log = logging.getLogger(__name__)

_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
# The attempt may have found the job without having returned it. A task without a state is not among
# them: it has not been scheduled, so that it looks for the job after a cancellation now.
_ACTIVE = ("scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule")

States = Mapping[str, Mapping[str, str | None]]


class CancelPipelines:
    """A DAG's failure callback that cancels the pipeline jobs of the run: a deferred task that is
    marked as failed has no worker on which its `on_kill` could run.

    A job that another run waits for continues, whichever run submitted it.
    """

    def __init__(self, connection: str) -> None:
        self.connection = connection

    def __call__(self, context: Any) -> None:
        """Cancel the running jobs of this dag run alone. An error is logged, never raised; nothing
        is cancelled where Airflow does not say which runs wait."""
        dag_run = context.get("dag_run")
        if dag_run is None:
            return
        try:
            jobs = Jobs(Environment(self.connection))
            names = {
                job.name for job in jobs.running(dag_run_label(dag_run.dag_id, dag_run.run_id))
            }
            # A reused job has the label of the run that submitted it.
            reused = (jobs.find(name.rpartition("/")[2]) for name in _own_jobs(context))
            names |= {job.name for job in reused if job is not None and not job.ended}
            cancel_unshared(jobs, names, context, f"titleholder: {dag_run.run_id} failed", log)
        except Exception:
            log.exception("titleholder: could not cancel the pipeline of %s", dag_run.run_id)


def waiting_and_undecided(
    states: States, own: str, submit: str, wait: str
) -> tuple[list[str], list[str]]:
    """The runs other than `own` that wait for a job, and those that may be about to wait. Pure."""
    waiting, undecided = [], []
    for run, tasks in states.items():
        if run == own or tasks.get(wait) in _ENDED:
            continue
        if tasks.get(submit) == "success":
            waiting.append(run)
        elif tasks.get(submit) in _ACTIVE:
            undecided.append(run)
    return waiting, undecided


def cancel_unshared(
    jobs: Jobs, names: Collection[str], context: Mapping[str, Any], why: str, log: Any
) -> None:
    """Cancel the jobs of these resource names that no other run of the context's DAG waits for;
    `why` is for the log. Raises Airflow's error when the states of the runs are not available."""
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
    """A run that waits for each job, and the runs that may be about to wait for an unknown job."""
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


def _own_jobs(context: Mapping[str, Any]) -> list[str]:
    """The jobs that the context's run submitted or reused, from the results of its tasks."""
    dag, run_id = context["dag"], context["dag_run"].run_id
    found = (_submitted(context["ti"], dag.dag_id, run_id, submit) for submit, _ in _pairs(dag))
    return [job for job in found if job]


def _submitted(ti: Any, dag_id: str, run_id: str, task_id: str) -> str:
    """The resource name of the job in the result of this task of a run; "" without a result."""
    value = ti.xcom_pull(dag_id=dag_id, run_id=run_id, task_ids=task_id, map_indexes=None)
    return str(value["job"]) if isinstance(value, dict) and value.get("job") else ""


def _pairs(dag: Any) -> Iterator[tuple[str, str]]:
    """Each task that submits a job, with the one that waits for it."""
    for task in dag.tasks:
        if submit := getattr(task, "submitted_by", None):
            yield submit, task.task_id
