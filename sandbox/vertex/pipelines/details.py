"""How a job's message changes as its runner tells what happens. No I/O.

Messages are typed as Any: their fields take Python's types, and say that they are protobuf's.
Forms of Google's: google/cloud/aiplatform/v1/pipeline_job.proto.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.cloud.aiplatform_v1.types import (
    Artifact,
    Execution,
    PipelineState,
    PipelineTaskDetail,
)
from google.protobuf import json_format, struct_pb2
from google.rpc import status_pb2

from sandbox.vertex.pipelines import values
from sandbox.vertex.pipelines.events import Problem, RunEvent, TaskEvent

FINAL = frozenset(
    {
        PipelineState.PIPELINE_STATE_SUCCEEDED,
        PipelineState.PIPELINE_STATE_FAILED,
        PipelineState.PIPELINE_STATE_CANCELLED,
    }
)
_Task = PipelineTaskDetail.State
_OVER = frozenset(
    {_Task.SUCCEEDED, _Task.CANCELLED, _Task.FAILED, _Task.SKIPPED, _Task.NOT_TRIGGERED}
)
_EXECUTION_STATES = {
    _Task.PENDING: Execution.State.NEW,
    _Task.RUNNING: Execution.State.RUNNING,
    _Task.SUCCEEDED: Execution.State.COMPLETE,
    _Task.FAILED: Execution.State.FAILED,
    _Task.SKIPPED: Execution.State.CACHED,
    _Task.CANCELLED: Execution.State.CANCELLED,
}
_SCHEMAS = {
    "run": "system.Run",
    "dag": "system.DagExecution",
    "container": "system.ContainerExecution",
    "importer": "system.ImporterExecution",
}


def start(job: Any, now: Any) -> None:
    """The runner has been started."""
    job.state = PipelineState.PIPELINE_STATE_RUNNING
    job.start_time = job.update_time = now


def cancel(job: Any, now: Any) -> None:
    """The job was asked to end."""
    job.state = PipelineState.PIPELINE_STATE_CANCELLING
    job.update_time = now


def apply(job: Any, event: TaskEvent | RunEvent, now: Any) -> None:
    """Bring one event of the runner into the job."""
    job.update_time = now
    if isinstance(event, TaskEvent):
        _task(job, event, now)
    elif event.error is None:
        end(job, PipelineState.PIPELINE_STATE_SUCCEEDED, now)
    else:
        whole = f"{event.error.message}; Job (project_id = {job.name.split('/')[1]}, job_id = "
        whole += f"{job.name.split('/')[5]}) is failed due to the above error."
        end(job, PipelineState.PIPELINE_STATE_FAILED, now, Problem(event.error.code, whole))


def end(job: Any, state: int, now: Any, error: Problem | None = None) -> None:
    """The job is over; tasks that were not are so now, with it."""
    job.state = state
    job.end_time = job.update_time = now
    if error:
        job.error = _status(error)
    cancelled = state == PipelineState.PIPELINE_STATE_CANCELLED
    for detail in job.job_detail.task_details:
        if detail.state not in _OVER:
            detail.state = _Task.CANCELLED if cancelled else _Task.FAILED
            detail.end_time = now
            detail.execution.state = _EXECUTION_STATES[detail.state]
            detail.error = _status(error or Problem(13, "the run ended before this task did"))
            _remember(detail, now)


def _task(job: Any, event: TaskEvent, now: Any) -> None:
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
    detail.state = _Task.__members__[event.state]
    if detail.state == _Task.RUNNING and not detail.start_time:
        detail.start_time = now
    if detail.state in _OVER:
        detail.end_time = now
    place = "/".join(job.name.split("/")[:4])
    if event.jobs:
        names = [f"{place}/customJobs/{one}" for one in event.jobs]
        detail.executor_detail.container_detail.main_job = names[-1]
        detail.executor_detail.container_detail.failed_main_jobs = names[:-1]
    if event.error:
        detail.error = _status(event.error)
    detail.inputs = _artifacts(event.inputs, now)
    detail.outputs = _artifacts(event.outputs, now)
    if detail.state in _EXECUTION_STATES:  # what was not triggered has no execution
        _execution(detail, event, f"{place}/metadataStores/default", now)
    _remember(detail, now)


def _execution(detail: Any, event: TaskEvent, store: str, now: Any) -> None:
    metadata = {f"input:{k}": v for k, v in event.input_parameters.items()}
    metadata |= {f"output:{k}": v for k, v in event.output_parameters.items()}
    detail.execution = Execution(
        name=f"{store}/executions/{event.task_id}",
        display_name=event.name,
        state=_EXECUTION_STATES[detail.state],
        create_time=detail.create_time,
        update_time=now,
        schema_title=_SCHEMAS[event.kind],
        schema_version="0.0.1",
        metadata=_struct(metadata),
    )


def _remember(detail: Any, now: Any) -> None:
    history = detail.pipeline_task_status
    if not history or history[-1].state != detail.state:
        record = PipelineTaskDetail.PipelineTaskStatus(update_time=now, state=detail.state)
        if detail.error.code:
            record.error = detail.error
        history.append(record)


def _artifacts(
    found: Mapping[str, Iterable[values.Artifact]], now: Any
) -> dict[str, PipelineTaskDetail.ArtifactList]:
    return {
        key: PipelineTaskDetail.ArtifactList(
            artifacts=[
                Artifact(
                    name=one.name,
                    display_name=one.key,
                    uri=one.uri,
                    create_time=now,
                    update_time=now,
                    state=Artifact.State.LIVE,
                    schema_title=one.type.get("schemaTitle", ""),
                    schema_version=one.type.get("schemaVersion", ""),
                    metadata=_struct(one.metadata),
                )
                for one in many
            ]
        )
        for key, many in found.items()
    }


def _struct(content: dict[str, Any]) -> struct_pb2.Struct:
    made: struct_pb2.Struct = json_format.ParseDict(content, struct_pb2.Struct())
    return made


def _status(problem: Problem) -> status_pb2.Status:
    return status_pb2.Status(code=problem.code, message=problem.message)
