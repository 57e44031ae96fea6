"""The states of batch prediction jobs, and their allowed transitions. No I/O.

    QUEUED ──> PENDING ──> RUNNING ──> SUCCEEDED | FAILED
    QUEUED, when cancelled ──> CANCELLED at once
    PENDING, RUNNING, when cancelled ──> CANCELLING ──> CANCELLED, or the final state that it
    reached before

Source: job_state.proto of google/cloud/aiplatform/v1. A job with failed instances has SUCCEEDED:
when a job is PARTIALLY_SUCCEEDED is not documented, and Google's SDK waits for such a job for ever.
"""

from typing import Any, Final

from google.cloud.aiplatform_v1.types import JobState

from sandbox.vertex.operations.transitions import Transitions

State: Any = JobState
"""Any, because the members of proto-plus enums are typed as int."""
_ENDS: Final = frozenset(
    {State.JOB_STATE_SUCCEEDED, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLED}
)
JOB: Final[Transitions[Any]] = {
    State.JOB_STATE_UNSPECIFIED: frozenset({State.JOB_STATE_QUEUED}),
    State.JOB_STATE_QUEUED: frozenset({State.JOB_STATE_PENDING, State.JOB_STATE_CANCELLED}),
    State.JOB_STATE_PENDING: frozenset(
        {State.JOB_STATE_RUNNING, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLING}
    ),
    State.JOB_STATE_RUNNING: frozenset(
        {State.JOB_STATE_SUCCEEDED, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLING}
    ),
    State.JOB_STATE_CANCELLING: _ENDS,
    **dict.fromkeys(_ENDS, frozenset()),
}
FINAL_STATES: Final = _ENDS
