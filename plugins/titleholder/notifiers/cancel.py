"""Ends the pipeline jobs of a dag run that has failed."""

import logging
from typing import Any

from titleholder.environment import Environment
from titleholder.run import run_label
from titleholder.vertex.jobs import Jobs

log = logging.getLogger(__name__)


class CancelPipelines:
    """A DAG's failure callback: whoever marks the waiting task as failed wants the pipeline to
    stop, and a deferred task has no worker on which its `on_kill` could run."""

    def __init__(self, connection: str) -> None:
        self.connection = connection

    def __call__(self, context: Any) -> None:
        """Cancel what still runs for the dag run; a failure to do so is logged, never raised."""
        dag_run = context.get("dag_run")
        if dag_run is None:
            return
        try:
            jobs = Jobs(Environment(self.connection))
            for job in jobs.running(run_label(dag_run.dag_id, dag_run.run_id)):
                log.warning("titleholder: %s failed; cancelling %s", dag_run.run_id, job.name)
                jobs.cancel(job.name)
        except Exception:
            log.exception("titleholder: could not cancel the pipeline of %s", dag_run.run_id)
