"""Updates of a job's message by the events of its runner. No I/O.

Messages are typed as Any: proto-plus types their fields as protobuf's, but accepts Python's.
Source: google/cloud/aiplatform/v1/pipeline_job.proto. The times of a job never decrease, even if
the clock is set back.
"""

from collections.abc import Callable
from typing import Any, Final

from google.cloud.aiplatform_v1.types import (
    Artifact,
    Execution,
    PipelineState,
    PipelineTaskDetail,
)
from google.rpc import status_pb2

from sandbox.vertex.http.resource_names import parent_of
from sandbox.vertex.operations.transitions import advance
from sandbox.vertex.pipelines.jobs.metadata import struct
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES, FINAL_TASK_STATES, JOB, TASK
from sandbox.vertex.pipelines.protocol.events import Problem, RunEvent, TaskEvent
from sandbox.vertex.pipelines.spec import values

ToMessage = Callable[[values.Artifact, Any], Artifact]

CANCELLED: Final = Problem(1, "The pipeline job was cancelled.")
_Job: Any = PipelineState
_Task: Any = PipelineTaskDetail.State
_EXECUTION_STATES: Final = {
    _Task.RUNNING: Execution.State.RUNNING,
    _Task.SUCCEEDED: Execution.State.COMPLETE,
    _Task.FAILED: Execution.State.FAILED,
    _Task.SKIPPED: Execution.State.CACHED,
    _Task.CANCELLED: Execution.State.CANCELLED,
}
_SCHEMAS: Final = {
    "run": "system.Run",
    "dag": "system.DagExecution",
    "container": "system.ContainerExecution",
    "importer": "system.ImporterExecution",
}


def move(job: Any, state: Any, now: Any, error: Problem | None = None) -> None:
    """Set the state of a job, its times and, in a final state, the states of unfinished tasks.

    Raises InvalidTransition.
    """
    now = _touch(job, now)
    job.state = advance(JOB, job.state, state)
    if state == _Job.PIPELINE_STATE_RUNNING:
        job.start_time = now
    if state == _Job.PIPELINE_STATE_CANCELLING:
        for detail in job.job_detail.task_details:
            _cancel(detail, now)
    if state in FINAL_JOB_STATES:
        job.end_time = now
        if error:
            job.error = _status(error)
        for detail in job.job_detail.task_details:
            _end(detail, error or Problem(13, "The run ended before this task did."), now)


def finish(job: Any, outcome: RunEvent, now: Any) -> None:
    """End the job with the outcome that its runner reported. Raises InvalidTransition."""
    if outcome.error is None:
        move(job, _Job.PIPELINE_STATE_SUCCEEDED, now)
        return
    _, project, _, _, _, job_id = job.name.split("/")
    message = (
        f"{outcome.error.message}; Job (project_id = {project}, job_id = {job_id}) is failed "
        "due to the above error."
    )
    move(job, _Job.PIPELINE_STATE_FAILED, now, Problem(outcome.error.code, message))


def apply(job: Any, event: TaskEvent, now: Any, to_message: ToMessage) -> None:
    """Apply a runner's event on a task to the job. Raises InvalidTransition."""
    now = _touch(job, now)
    detail = next((d for d in job.job_detail.task_details if d.task_id == event.task_id), None)
    if detail is None:
        job.job_detail.task_details.append(
            PipelineTaskDetail(
                task_id=event.task_id,
                parent_task_id=event.parent_task_id,
                task_name=event.name,
                task_unique_name=event.unique_name,
                create_time=now,
            )
        )
        detail = job.job_detail.task_details[-1]
    state = _Task.__members__[event.state]
    late = (
        detail.state in (_Task.CANCEL_PENDING, _Task.CANCELLING) and state not in FINAL_TASK_STATES
    )
    if detail.state == _Task.CANCELLING and state == _Task.FAILED:
        # The signal that ends the runner ended its component first.
        _move(detail, _Task.CANCELLED, now, CANCELLED)
    elif not late:  # a late event was sent before the runner received the cancellation
        _move(detail, state, now, event.error)
    if job.state == _Job.PIPELINE_STATE_CANCELLING:
        _cancel(detail, now)
    parent = parent_of(job.name)
    if event.jobs:
        names = [f"{parent}/customJobs/{custom_job}" for custom_job in event.jobs]
        detail.executor_detail.container_detail.main_job = names[-1]
        detail.executor_detail.container_detail.failed_main_jobs = names[:-1]
    for key, artifacts in event.inputs.items():
        detail.inputs[key] = _list(artifacts, now, to_message)
    for key, artifacts in event.outputs.items():
        detail.outputs[key] = _list(artifacts, now, to_message)
    if state in _EXECUTION_STATES:  # a task that has not started has no execution
        _execution(detail, event, f"{parent}/metadataStores/default", now)


def _touch(job: Any, now: Any) -> Any:
    now = max(now, job.update_time) if job.update_time else now
    job.update_time = now
    return now


def _move(detail: Any, state: Any, now: Any, error: Problem | None = None) -> None:
    if detail.state == state:
        return
    detail.state = advance(TASK, detail.state, state)
    if state in (_Task.RUNNING, _Task.SKIPPED) and not detail.start_time:
        detail.start_time = now
    record = PipelineTaskDetail.PipelineTaskStatus(update_time=now, state=state)
    if error:
        # In a state that is not final, this is the error of an attempt that will be retried.
        record.error = _status(error)
    detail.pipeline_task_status.append(record)
    if state in FINAL_TASK_STATES:
        detail.end_time = now
        if error:
            detail.error = _status(error)
        if state in _EXECUTION_STATES and detail.execution.name:
            detail.execution.state = _EXECUTION_STATES[state]
            detail.execution.update_time = now


def _cancel(detail: Any, now: Any) -> None:
    if detail.state == _Task.PENDING:
        _move(detail, _Task.CANCEL_PENDING, now)
    elif detail.state == _Task.RUNNING:
        _move(detail, _Task.CANCELLING, now)


def _end(detail: Any, error: Problem, now: Any) -> None:
    if detail.state in FINAL_TASK_STATES:
        return
    if detail.state in (_Task.CANCEL_PENDING, _Task.CANCELLING):
        _move(detail, _Task.CANCELLED, now, CANCELLED)
    else:
        _move(detail, _Task.FAILED, now, error)


def _execution(detail: Any, event: TaskEvent, store: str, now: Any) -> None:
    metadata = {f"input:{k}": v for k, v in event.input_parameters.items()}
    metadata |= {f"output:{k}": v for k, v in event.output_parameters.items()}
    detail.execution = Execution(
        name=f"{store}/executions/{event.task_id}",
        display_name=event.name,
        state=_EXECUTION_STATES[_Task.__members__[event.state]],
        create_time=detail.create_time,
        update_time=now,
        schema_title=_SCHEMAS[event.kind],
        schema_version="0.0.1",
        metadata=struct(metadata),
    )


def _list(
    artifacts: list[values.Artifact], now: Any, to_message: ToMessage
) -> PipelineTaskDetail.ArtifactList:
    return PipelineTaskDetail.ArtifactList(artifacts=[to_message(a, now) for a in artifacts])


def _status(problem: Problem) -> status_pb2.Status:
    return status_pb2.Status(code=problem.code, message=problem.message)
