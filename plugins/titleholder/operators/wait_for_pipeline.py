"""Waits for the pipeline job without a worker slot, and reads what it offers."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from titleholder.contract import Job, evaluated_score, offer
from titleholder.operators.base import ModelOperator, next_look
from titleholder.vertex.clients import sentence, transient
from titleholder.vertex.jobs import Jobs

REMEDY = "to train anew, clear submit_pipeline with what follows it"


class WaitForPipelineOperator(ModelOperator):
    """Succeeds only when the job does. Returns `{"score", "offer"}`; `offer` is None when the
    pipeline's own quality gate refused the model."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One look; defers while the job runs, fails when it failed, was cancelled or is late."""
        submitted = self.handed(context, "submit_pipeline")
        jobs = Jobs(self.environment)
        elapsed = self.clock() - datetime.fromisoformat(submitted["created"])
        late = elapsed > self.config.pipeline.timeout
        with self.told():
            try:
                job = jobs.get(submitted["job"])
            except Exception as error:
                # A job that trains for hours must not fail because Vertex AI is away for a minute.
                if late or not transient(error):
                    raise
                self.log.warning("%s cannot be read now: %s", submitted["job"], sentence(error))
                self.wake_in(next_look(elapsed))
        self.log.info("pipeline job %s is %s. %s", job.name, job.state, progress(job))
        if job.ended:
            return self._ended(job)
        if not late:
            self.wake_in(next_look(elapsed))
        jobs.cancel(job.name)
        raise AirflowFailException(
            f"{self.config.model}: {job.name} ran longer than pipeline.timeout "
            f"{self.config.pipeline.timeout} and was cancelled ({progress(job)}); {REMEDY}"
        )

    def _ended(self, job: Job) -> dict[str, Any]:
        if job.state != "SUCCEEDED":
            raise AirflowFailException(f"{self.config.model}: {failure(job)}; {REMEDY}")
        with self.told():
            score = evaluated_score(job)
            offered = offer(job, self.config.gate.minimum_score)
        self.log.info("score %.2f, %s", score, "offered" if offered else "under the gate")
        return {"score": score, "offer": asdict(offered) if offered else None}


def progress(job: Job) -> str:
    """Which tasks are done, running, failed: `done create-dataset; running train`."""
    words = {
        "SUCCEEDED": "done",
        "SKIPPED": "done",
        "RUNNING": "running",
        "FAILED": "failed",
        "CANCELLED": "cancelled",
        "NOT_TRIGGERED": "not triggered",
    }
    groups: dict[str, list[str]] = {}
    roots = {task.parent for task in job.tasks} - {0}
    for task in job.tasks:
        if task.parent == 0 and task.id in roots:
            continue  # the job itself
        groups.setdefault(words.get(task.state, task.state.lower()), []).append(task.name)
    return "; ".join(f"{word} {', '.join(names)}" for word, names in groups.items())


def failure(job: Job) -> str:
    """Which task failed and why, in one sentence."""
    if job.state != "FAILED":
        return f"{job.name} was {job.state.lower()}, so there is no new model"
    failed = [task for task in job.tasks if task.state == "FAILED"]
    # A group fails because a task in it did: the task has the cause.
    groups = {task.parent for task in failed if task.parent}
    causes = [f"task {task.name}: {task.error}" for task in failed if task.id not in groups]
    return f"{job.name} failed in {'; '.join(causes) or job.error or 'an unknown task'}"
