"""The tables of states, and updates of a job's message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.operations.transitions import InvalidTransition, advance
from sandbox.vertex.pipelines.jobs import job_messages
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES, FINAL_TASK_STATES, JOB, TASK
from sandbox.vertex.pipelines.protocol.events import Problem, TaskEvent

Task = types.PipelineTaskDetail.State
State = types.PipelineState
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def job(*states: Any) -> Any:
    """A job that went through these states, one per second."""
    new_job = types.PipelineJob(name="projects/1/locations/l/pipelineJobs/j")
    for number, state in enumerate(states):
        job_messages.move(new_job, state, NOW + timedelta(seconds=number))
    return new_job


def apply(target: Any, state: str, now: datetime = NOW, error: Problem | None = None) -> Any:
    event = TaskEvent(7, 0, "t", "t", "container", state, error=error)
    job_messages.apply(target, event, now, lambda artifact, now: types.Artifact())
    return target.job_detail.task_details[0]


RUNNING = (
    State.PIPELINE_STATE_QUEUED,
    State.PIPELINE_STATE_PENDING,
    State.PIPELINE_STATE_RUNNING,
)


def test_every_state_of_the_api_is_in_the_tables() -> None:
    assert set(JOB) == set(State)
    assert set(TASK) == set(Task)
    for table in (JOB, TASK):
        assert all(following <= set(table) for following in table.values())
    # pipeline_state.proto: only these follow CANCELLING.
    assert JOB[State.PIPELINE_STATE_CANCELLING] == {
        State.PIPELINE_STATE_SUCCEEDED,
        State.PIPELINE_STATE_FAILED,
        State.PIPELINE_STATE_CANCELLED,
    }
    assert JOB[State.PIPELINE_STATE_CANCELLING] == FINAL_JOB_STATES
    assert {Task.SKIPPED, Task.NOT_TRIGGERED, Task.CANCELLED} < FINAL_TASK_STATES


@pytest.mark.parametrize(
    ("table", "now", "to", "message"),
    [
        (
            JOB,
            State.PIPELINE_STATE_SUCCEEDED,
            State.PIPELINE_STATE_RUNNING,
            "PIPELINE_STATE_SUCCEEDED cannot become PIPELINE_STATE_RUNNING; it is final",
        ),
        (JOB, State.PIPELINE_STATE_QUEUED, State.PIPELINE_STATE_RUNNING, "it may become"),
        (TASK, Task.RUNNING, Task.SKIPPED, "RUNNING cannot become SKIPPED; it may become CANCEL"),
    ],
)
def test_an_invalid_transition_raises(table: Any, now: Any, to: Any, message: str) -> None:
    with pytest.raises(InvalidTransition, match=message):
        advance(table, now, to)


def test_times_never_decrease() -> None:
    running = job(*RUNNING)
    before = running.update_time
    detail = apply(running, "PENDING", NOW - timedelta(hours=1))
    assert running.update_time == detail.create_time == before
    apply(running, "RUNNING", NOW + timedelta(seconds=9))
    apply(running, "SUCCEEDED", NOW)
    assert detail.create_time <= detail.start_time <= detail.end_time == running.update_time
    job_messages.move(running, State.PIPELINE_STATE_SUCCEEDED, NOW)
    assert running.start_time <= running.end_time == running.update_time


def test_a_late_event_of_a_runner_changes_no_state() -> None:
    running = job(*RUNNING)
    apply(running, "PENDING")
    job_messages.move(running, State.PIPELINE_STATE_CANCELLING, NOW)
    detail = running.job_detail.task_details[0]
    assert detail.state == Task.CANCEL_PENDING
    apply(running, "RUNNING")
    assert detail.state == Task.CANCEL_PENDING
    job_messages.move(running, State.PIPELINE_STATE_CANCELLED, NOW, job_messages.CANCELLED)
    assert detail.state == Task.CANCELLED
    assert detail.error.code == running.error.code == 1


def test_a_task_that_starts_during_a_cancel_is_cancelled() -> None:
    running = job(*RUNNING, State.PIPELINE_STATE_CANCELLING)
    assert apply(running, "PENDING").state == Task.CANCEL_PENDING


def test_a_failed_job_fails_its_unfinished_tasks() -> None:
    running = job(*RUNNING)
    apply(running, "PENDING")
    job_messages.move(running, State.PIPELINE_STATE_FAILED, NOW, Problem(13, "down"))
    detail = running.job_detail.task_details[0]
    assert detail.state == Task.FAILED
    assert detail.error.message == "down"
    assert detail.end_time
