"""Ends the pipeline jobs of a dag run that has failed."""

import logging
from typing import Any

from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import dag_run_label
from titleholder.operators.shared_jobs import cancel_unshared, own_jobs

log = logging.getLogger(__name__)


class CancelPipelines:
    """A DAG's failure callback: whoever marks the waiting task as failed wants the pipeline to
    stop, and a deferred task has no worker on which its `on_kill` could run.

    A job that another run waits for goes on, whichever of them submitted it.
    """

    def __init__(self, connection: str) -> None:
        self.connection = connection

    def __call__(self, context: Any) -> None:
        """Cancel what still runs for the dag run alone; a failure to do so is logged, never raised,
        and where Airflow does not tell who waits, nothing is cancelled."""
        dag_run = context.get("dag_run")
        if dag_run is None:
            return
        try:
            jobs = Jobs(Environment(self.connection))
            names = {
                job.name for job in jobs.running(dag_run_label(dag_run.dag_id, dag_run.run_id))
            }
            # One that another run submitted has that run's label.
            taken_up = (jobs.find(name.rpartition("/")[2]) for name in own_jobs(context))
            names |= {job.name for job in taken_up if job is not None and not job.ended}
            cancel_unshared(jobs, names, context, f"titleholder: {dag_run.run_id} failed", log)
        except Exception:
            log.exception("titleholder: could not cancel the pipeline of %s", dag_run.run_id)
