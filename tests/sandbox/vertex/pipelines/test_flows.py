"""Loops, defaults, retries, exit handlers: what runs, when, and what becomes of it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import flows, samples
from tests.sandbox.vertex.pipelines.conftest import Bench, alive, pid_in, task, until

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def named(job: Any, name: str) -> list[Any]:
    return [one for one in job.job_detail.task_details if one.task_name == name]


def test_loops_in_loops_with_conditions(bench: Bench) -> None:
    job = bench.run(flows.nested_loops)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    said = sorted(one.execution.metadata["output:Output"] for one in named(job, "say"))
    assert said == ["number 1", "number 3"]
    conditions = [one.state for one in named(job, "condition-3")]
    assert sorted(conditions) == [Task.SUCCEEDED, Task.SUCCEEDED, Task.NOT_TRIGGERED]
    by_id = {one.task_id: one for one in job.job_detail.task_details}
    for detail in job.job_detail.task_details:
        if detail.parent_task_id:
            assert by_id[detail.parent_task_id].create_time <= detail.create_time
            assert detail.end_time <= by_id[detail.parent_task_id].end_time


def test_a_loop_over_structs(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.loop_of_structs, folder=str(tmp_path))
    root = task(job, job.name.rpartition("/")[2])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    assert root.execution.metadata["output:Output"] == "['a1', 'b2']"


def test_turns_run_at_the_same_time(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.together, folder=str(tmp_path), least=2)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error


def test_but_no_more_than_the_loop_allows(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.one_by_one, folder=str(tmp_path))
    assert [one.execution.metadata["output:Output"] for one in named(job, "overlap")] == [1, 1, 1]


def test_defaults_and_what_is_left_out(bench: Bench) -> None:
    job = bench.run(flows.defaults)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    shown = task(job, "describe").execution.metadata["output:Output"]
    assert ast.literal_eval(shown) == [None, 5, {"x": [[1.5, True], {"y": "z"}]}]
    shown = task(job, "by itself").execution.metadata["output:Output"]
    assert ast.literal_eval(shown) == [None, 7, {"a": [1, {"b": [""]}]}]


def test_retries_are_in_the_history(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(samples.retried, folder=str(tmp_path), enough=2)
    counted = task(job, "count-to")
    history = list(counted.pipeline_task_status)
    assert [one.state for one in history] == [
        *(Task.PENDING, Task.RUNNING, Task.PENDING, Task.RUNNING, Task.SUCCEEDED)
    ]
    assert "RuntimeError: try 1 of 2" in history[2].error.message
    assert not history[3].error.code
    assert not counted.error.code
    times = [one.update_time for one in history]
    assert times == sorted(times)


def test_retries_that_do_not_help(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(samples.retried, folder=str(tmp_path), enough=9)
    counted = task(job, "count-to")
    assert counted.state == Task.FAILED
    assert "try 3 of 9" in counted.error.message
    assert len(counted.executor_detail.container_detail.failed_main_jobs) == 2


def test_cancel_between_two_tries(bench: Bench, tmp_path: Path) -> None:
    job = bench.submit(flows.retried_slowly, folder=str(tmp_path))

    def waits() -> bool:
        found = named(bench.get(job), "count-to")
        return bool(found) and len(found[0].pipeline_task_status) == 3

    until(waits, "the pause before the next try")
    bench.cancel(job)
    over = bench.wait(job)
    assert over.state == State.PIPELINE_STATE_CANCELLED
    assert [one.state for one in task(over, "count-to").pipeline_task_status][2:] == [
        *(Task.PENDING, Task.CANCEL_PENDING, Task.CANCELLED)
    ]


def test_an_exit_handler_does_not_start_when_the_job_is_cancelled(
    bench: Bench, tmp_path: Path
) -> None:
    # TriggerPolicy of pipeline_spec.proto: no new tasks while the job is CANCELLING.
    job = bench.submit(flows.guarded_sleep, pid_file=str(tmp_path / "pid"))
    pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "pid.2")]
    bench.cancel(job)
    over = bench.wait(job)
    assert over.state == State.PIPELINE_STATE_CANCELLED
    assert over.error.code == 1
    assert not any(alive(pid) for pid in pids)
    assert not named(over, "tidy")
    for detail in [task(over, "sleep"), task(over, "sleep-2"), task(over, "guarded")]:
        states = [one.state for one in detail.pipeline_task_status]
        assert states == [Task.PENDING, Task.RUNNING, Task.CANCELLING, Task.CANCELLED]
        assert detail.create_time <= detail.start_time <= detail.end_time <= over.end_time
        assert detail.error.code == 1


@pytest.mark.parametrize("fast", [False, True])
def test_a_turn_that_fails(bench: Bench, fast: bool) -> None:
    request = bench.request(flows.stops_in_a_loop)
    policy = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST if fast else 0
    request.pipeline_job.runtime_config.failure_policy = policy
    job = bench.wait(bench.service.create_pipeline_job(request))
    assert job.state == State.PIPELINE_STATE_FAILED
    first, second = named(job, "stop")
    assert first.state == Task.FAILED
    assert second.state == (Task.NOT_TRIGGERED if fast else Task.SUCCEEDED)
    assert task(job, "for-loop-2").error.message.count("worker") == (2 if fast else 1)


def test_every_log_has_a_name_that_files_may_have(bench: Bench) -> None:
    from sandbox.vertex.pipelines.execution.component import _file_name

    assert _file_name("a.b") == "a.b"
    long = _file_name("ä" * 300)
    assert len(long.encode()) <= 200
    assert long != _file_name("ä" * 301)
