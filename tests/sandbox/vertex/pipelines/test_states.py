"""The tables of states, and what follows from them for a job's message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.operations.transitions import InvalidTransition, advance
from sandbox.vertex.pipelines.jobs import job_messages as details
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES, FINAL_TASK_STATES, JOB, TASK
from sandbox.vertex.pipelines.protocol.events import Problem, TaskEvent

Task = types.PipelineTaskDetail.State
State = types.PipelineState
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def job(*states: Any) -> Any:
    """A job that went through these states, a second each."""
    made = types.PipelineJob(name="projects/1/locations/l/pipelineJobs/j")
    for number, state in enumerate(states):
        details.move(made, state, NOW + timedelta(seconds=number))
    return made


def tell(target: Any, state: str, now: datetime = NOW, error: Problem | None = None) -> Any:
    event = TaskEvent(7, 0, "t", "t", "container", state, error=error)
    details.apply(target, event, now, lambda artifact, now: types.Artifact())
    return target.job_detail.task_details[0]


RUNNING = (
    State.PIPELINE_STATE_QUEUED,
    State.PIPELINE_STATE_PENDING,
    State.PIPELINE_STATE_RUNNING,
)


def test_every_state_of_google_is_in_the_tables() -> None:
    assert set(JOB) == set(State)
    assert set(TASK) == set(Task)
    for table in (JOB, TASK):
        assert all(following <= set(table) for following in table.values())
    # pipeline_state.proto: from CANCELLING only these.
    assert JOB[State.PIPELINE_STATE_CANCELLING] == {
        State.PIPELINE_STATE_SUCCEEDED,
        State.PIPELINE_STATE_FAILED,
        State.PIPELINE_STATE_CANCELLED,
    }
    assert JOB[State.PIPELINE_STATE_CANCELLING] == FINAL_JOB_STATES
    assert {Task.SKIPPED, Task.NOT_TRIGGERED, Task.CANCELLED} < FINAL_TASK_STATES


@pytest.mark.parametrize(
    ("table", "now", "to", "why"),
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
def test_what_cannot_happen_raises(table: Any, now: Any, to: Any, why: str) -> None:
    with pytest.raises(InvalidTransition, match=why):
        advance(table, now, to)


def test_times_never_run_backwards() -> None:
    running = job(*RUNNING)
    before = running.update_time
    detail = tell(running, "PENDING", NOW - timedelta(hours=1))
    assert running.update_time == detail.create_time == before
    tell(running, "RUNNING", NOW + timedelta(seconds=9))
    tell(running, "SUCCEEDED", NOW)
    assert detail.create_time <= detail.start_time <= detail.end_time == running.update_time
    details.move(running, State.PIPELINE_STATE_SUCCEEDED, NOW)
    assert running.start_time <= running.end_time == running.update_time


def test_what_a_runner_says_too_late_changes_no_state() -> None:
    running = job(*RUNNING)
    tell(running, "PENDING")
    details.move(running, State.PIPELINE_STATE_CANCELLING, NOW)
    detail = running.job_detail.task_details[0]
    assert detail.state == Task.CANCEL_PENDING
    tell(running, "RUNNING")
    assert detail.state == Task.CANCEL_PENDING
    details.move(running, State.PIPELINE_STATE_CANCELLED, NOW, details.CANCELLED)
    assert detail.state == Task.CANCELLED
    assert detail.error.code == running.error.code == 1


def test_a_task_that_begins_while_its_job_is_cancelled() -> None:
    running = job(*RUNNING, State.PIPELINE_STATE_CANCELLING)
    assert tell(running, "PENDING").state == Task.CANCEL_PENDING


def test_an_outage_fails_what_ran() -> None:
    running = job(*RUNNING)
    tell(running, "PENDING")
    details.move(running, State.PIPELINE_STATE_FAILED, NOW, Problem(13, "down"))
    detail = running.job_detail.task_details[0]
    assert detail.state == Task.FAILED
    assert detail.error.message == "down"
    assert detail.end_time
