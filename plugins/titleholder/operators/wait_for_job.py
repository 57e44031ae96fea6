"""Waits for a pipeline job; deferred, except in the job's first seconds."""

import time
from abc import abstractmethod
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperatorLink

from titleholder.alerts.alert import AlertKind, Link
from titleholder.alerts.task_failure import TaskFailure
from titleholder.gcp.console import logs_page, pipeline_page
from titleholder.gcp.errors import error_message, is_transient
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.operators.base import ModelOperator, poll_delay
from titleholder.operators.links import PipelineLink
from titleholder.pipelines.contract import Job, Task

# A deferral takes `shortest_deferral` and the start of a worker. A job whose tasks are all cached
# ends sooner, so a new job is polled this often before the task defers.
POLLS, POLL_SECONDS = 10, 0.5


class WaitForJobOperator(ModelOperator):
    """Succeeds only when the job that the task `submitted_by` submitted has succeeded.

    `section` is the section of the YAML file with the job's `timeout`. `failure_effect` and
    `remedy` are phrases for the message of a failed job: the result that is missing, and the
    action to take.
    """

    submitted_by: ClassVar[str]
    section: ClassVar[str]
    failure_effect: ClassVar[str]
    remedy: ClassVar[str]
    operator_extra_links: Collection[BaseOperatorLink] = (PipelineLink(),)

    @property
    @abstractmethod
    def timeout(self) -> timedelta:
        """The greatest age of a running job."""

    @abstractmethod
    def result(self, job: Job) -> dict[str, Any]:
        """The task's result for a job that has succeeded; raises PipelineError."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Poll once, more often for a new job; defers while the job runs, fails when it has failed,
        was cancelled or exceeds its timeout."""
        submitted = self.xcom_result(context, self.submitted_by)
        PipelineLink.store(context, pipeline_page(submitted["job"]))
        jobs = Jobs(self.environment)
        elapsed = self.clock() - datetime.fromisoformat(submitted["created"])
        late = elapsed > self.timeout
        with self.fail_with_message():
            try:
                job = jobs.get(submitted["job"])
                for _ in range(POLLS if elapsed < self.shortest_deferral else 0):
                    if job.ended:
                        break
                    time.sleep(POLL_SECONDS)
                    job = jobs.get(job.name)
            except Exception as error:
                # A job of hours must not fail for an outage of Vertex AI of a minute.
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

    def _failed(self, job: Job, problem: str) -> TaskFailure:
        return TaskFailure(
            f"{self.config.model}: {problem}; {self.remedy}",
            AlertKind.PIPELINE,
            (
                *(Link(f"Log of {step.name}", logs_page(step.job)) for step in failed_in(job)),
                Link("Pipeline", pipeline_page(job.name)),
            ),
        )


def progress(job: Job) -> str:
    """The tasks of the job by state: `done create-dataset; running train`."""
    state_text = {
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
        groups.setdefault(state_text.get(task.state, task.state.lower()), []).append(task.name)
    return "; ".join(f"{state} {', '.join(names)}" for state, names in groups.items())


def failed_in(job: Job) -> list[Task]:
    """The tasks that failed, without groups: a group fails because of a task in it."""
    failed = [task for task in job.tasks if task.state == "FAILED"]
    groups = {task.parent for task in failed if task.parent}
    return [task for task in failed if task.id not in groups]


def failure(job: Job, effect: str) -> str:
    """The tasks that failed and their errors, in one sentence; `effect` names the missing
    result."""
    if job.state != "FAILED":
        return f"{job.name} was {job.state.lower()}, so there is {effect}"
    causes = [f"task {task.name}: {task.error}" for task in failed_in(job)]
    return f"{job.name} failed in {'; '.join(causes) or job.error or 'an unknown task'}"
