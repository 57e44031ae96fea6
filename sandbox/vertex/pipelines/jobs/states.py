"""The states of pipeline jobs and tasks, and their allowed transitions. No I/O.

    job    QUEUED ──> PENDING ──> RUNNING ──> SUCCEEDED | FAILED
           QUEUED, when cancelled ──> CANCELLED at once
           PENDING, RUNNING, PAUSED, when cancelled ──> CANCELLING ──> CANCELLED, or the final
           state that it reached before (pipeline_state.proto)

    task   PENDING ──> RUNNING ──> SUCCEEDED | FAILED, back to PENDING before a retry
           PENDING ──> SKIPPED (from the cache) | NOT_TRIGGERED | FAILED (its inputs are invalid)
           when cancelled: PENDING ──> CANCEL_PENDING, RUNNING ──> CANCELLING ──> CANCELLED

Source: pipeline_state.proto and pipeline_job.proto of google/cloud/aiplatform/v1. No job is ever
paused: the API has no method for it.
"""

from typing import Any, Final

from google.cloud.aiplatform_v1.types import PipelineState, PipelineTaskDetail

from sandbox.vertex.operations.transitions import Transitions

# Any, because the members of proto-plus enums are typed as int.
_Job: Any = PipelineState
_Task: Any = PipelineTaskDetail.State

JOB: Final[Transitions[Any]] = {
    _Job.PIPELINE_STATE_UNSPECIFIED: frozenset({_Job.PIPELINE_STATE_QUEUED}),
    _Job.PIPELINE_STATE_QUEUED: frozenset(
        {_Job.PIPELINE_STATE_PENDING, _Job.PIPELINE_STATE_CANCELLED}
    ),
    _Job.PIPELINE_STATE_PENDING: frozenset(
        {
            _Job.PIPELINE_STATE_RUNNING,
            _Job.PIPELINE_STATE_CANCELLING,
            _Job.PIPELINE_STATE_FAILED,
        }
    ),
    _Job.PIPELINE_STATE_RUNNING: frozenset(
        {
            _Job.PIPELINE_STATE_SUCCEEDED,
            _Job.PIPELINE_STATE_FAILED,
            _Job.PIPELINE_STATE_CANCELLING,
            _Job.PIPELINE_STATE_PAUSED,
        }
    ),
    _Job.PIPELINE_STATE_PAUSED: frozenset(
        {_Job.PIPELINE_STATE_QUEUED, _Job.PIPELINE_STATE_CANCELLING}
    ),
    _Job.PIPELINE_STATE_CANCELLING: frozenset(
        {
            _Job.PIPELINE_STATE_SUCCEEDED,
            _Job.PIPELINE_STATE_FAILED,
            _Job.PIPELINE_STATE_CANCELLED,
        }
    ),
    _Job.PIPELINE_STATE_SUCCEEDED: frozenset(),
    _Job.PIPELINE_STATE_FAILED: frozenset(),
    _Job.PIPELINE_STATE_CANCELLED: frozenset(),
}

TASK: Final[Transitions[Any]] = {
    _Task.STATE_UNSPECIFIED: frozenset({_Task.PENDING}),
    _Task.PENDING: frozenset(
        {_Task.RUNNING, _Task.SKIPPED, _Task.NOT_TRIGGERED, _Task.FAILED, _Task.CANCEL_PENDING}
    ),
    _Task.RUNNING: frozenset({_Task.SUCCEEDED, _Task.FAILED, _Task.PENDING, _Task.CANCELLING}),
    _Task.CANCEL_PENDING: frozenset(
        {_Task.CANCELLED, _Task.SKIPPED, _Task.NOT_TRIGGERED, _Task.FAILED}
    ),
    _Task.CANCELLING: frozenset({_Task.CANCELLED, _Task.SUCCEEDED, _Task.FAILED}),
    _Task.SUCCEEDED: frozenset(),
    _Task.FAILED: frozenset(),
    _Task.CANCELLED: frozenset(),
    _Task.SKIPPED: frozenset(),
    _Task.NOT_TRIGGERED: frozenset(),
}

FINAL_JOB_STATES: Final = frozenset(state for state, following in JOB.items() if not following)
FINAL_TASK_STATES: Final = frozenset(state for state, following in TASK.items() if not following)
