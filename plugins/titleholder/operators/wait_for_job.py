"""Waits for a pipeline job without a worker slot, but for its first seconds."""

import time
from abc import abstractmethod
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperatorLink

from titleholder.alerts.alert import AlertKind, Link
from titleholder.alerts.callback_context import TaskFailure
from titleholder.gcp.console import logs_page, pipeline_page
from titleholder.gcp.errors import error_message, is_transient
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.operators.base import ModelOperator, poll_delay
from titleholder.operators.links import PipelineLink
from titleholder.pipelines.contract import Job, Task

# A task that defers is back after `shortest_deferral` and a worker's start. A job that has just
# been submitted may end before, when all its tasks are cached: it is looked at so often first.
LOOKS, BETWEEN = 10, 0.5


class WaitForJobOperator(ModelOperator):
    """Succeeds only when the job does that the task `submitted_by` started.

    `section` is that of the YAML file whose `timeout` the job has, `lost` what there is not when it
    fails, and `remedy` what a person can do then.
    """

    submitted_by: ClassVar[str]
    section: ClassVar[str]
    failure_effect: ClassVar[str]
    remedy: ClassVar[str]
    operator_extra_links: Collection[BaseOperatorLink] = (PipelineLink(),)

    @property
    @abstractmethod
    def timeout(self) -> timedelta:
        """How old the job may get."""

    @abstractmethod
    def result(self, job: Job) -> dict[str, Any]:
        """What the task returns of a job that succeeded; raises PipelineError."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One look, more at a job that was just submitted; defers while the job runs, fails when
        it failed, was cancelled or is late."""
        submitted = self.xcom_result(context, self.submitted_by)
        PipelineLink.store(context, pipeline_page(submitted["job"]))
        jobs = Jobs(self.environment)
        elapsed = self.clock() - datetime.fromisoformat(submitted["created"])
        late = elapsed > self.timeout
        with self.fail_with_message():
            try:
                job = jobs.get(submitted["job"])
                for _ in range(LOOKS if elapsed < self.shortest_deferral else 0):
                    if job.ended:
                        break
                    time.sleep(BETWEEN)
                    job = jobs.get(job.name)
            except Exception as error:
                # A job that runs for hours must not fail because Vertex AI is away for a minute.
                if late or not is_transient(error):
                    raise
                self.log.warning(
                    "%s cannot be read now: %s", submitted["job"], error_message(error)
                )
                self.defer_for(poll_delay(elapsed))
        self.log.info("pipeline job %s is %s. %s", job.name, job.state, progress(job))
        if job.ended:
            return self._ended(job)
        if not late:
            self.defer_for(poll_delay(elapsed))
        jobs.cancel(job.name)
        raise self._failed(
            job,
            f"{job.name} ran longer than {self.section}.timeout {self.timeout} and was cancelled "
            f"({progress(job)})",
        )

    def _ended(self, job: Job) -> dict[str, Any]:
        if job.state != "SUCCEEDED":
            raise self._failed(job, failure(job, self.failure_effect))
        with self.fail_with_message():
            return self.result(job)

    def _failed(self, job: Job, what: str) -> TaskFailure:
        return TaskFailure(
            f"{self.config.model}: {what}; {self.remedy}",
            AlertKind.PIPELINE,
            (
                *(Link(f"Log of {step.name}", logs_page(step.job)) for step in failed_in(job)),
                Link("Pipeline", pipeline_page(job.name)),
            ),
        )


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


def failed_in(job: Job) -> list[Task]:
    """The tasks that failed themselves: a group fails because a task in it did."""
    failed = [task for task in job.tasks if task.state == "FAILED"]
    groups = {task.parent for task in failed if task.parent}
    return [task for task in failed if task.id not in groups]


def failure(job: Job, lost: str) -> str:
    """Which task failed and why, in one sentence; `lost` is what there is not for it."""
    if job.state != "FAILED":
        return f"{job.name} was {job.state.lower()}, so there is {lost}"
    causes = [f"task {task.name}: {task.error}" for task in failed_in(job)]
    return f"{job.name} failed in {'; '.join(causes) or job.error or 'an unknown task'}"
