"""Loops, defaults, retries and exit handlers."""

import ast
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import flows, samples
from tests.sandbox.vertex.pipelines.conftest import Bench, alive, pid_in, task
from tests.waiting import until

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def tasks_named(job: Any, name: str) -> list[Any]:
    return [one for one in job.job_detail.task_details if one.task_name == name]


def test_loops_in_loops_with_conditions(bench: Bench) -> None:
    job = bench.run(flows.nested_loops)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    outputs = sorted(one.execution.metadata["output:Output"] for one in tasks_named(job, "say"))
    assert outputs == ["number 1", "number 3"]
    conditions = [one.state for one in tasks_named(job, "condition-3")]
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


def test_iterations_run_at_the_same_time(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.together, folder=str(tmp_path), minimum=2)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error


def test_a_loop_limits_its_parallel_iterations(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.one_by_one, folder=str(tmp_path))
    assert [one.execution.metadata["output:Output"] for one in tasks_named(job, "overlap")] == [
        1,
        1,
        1,
    ]


def test_defaults_and_omitted_inputs(bench: Bench) -> None:
    job = bench.run(flows.defaults)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    shown = task(job, "describe").execution.metadata["output:Output"]
    assert ast.literal_eval(shown) == [None, 5, {"x": [[1.5, True], {"y": "z"}]}]
    shown = task(job, "by itself").execution.metadata["output:Output"]
    assert ast.literal_eval(shown) == [None, 7, {"a": [1, {"b": [""]}]}]


def test_retries_are_in_the_task_history(bench: Bench, tmp_path: Path) -> None:
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


def test_a_task_fails_after_its_last_retry(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(samples.retried, folder=str(tmp_path), enough=9)
    counted = task(job, "count-to")
    assert counted.state == Task.FAILED
    assert "try 3 of 9" in counted.error.message
    assert len(counted.executor_detail.container_detail.failed_main_jobs) == 2


def test_a_cancel_between_two_attempts(bench: Bench, tmp_path: Path) -> None:
    job = bench.submit(flows.retried_slowly, folder=str(tmp_path))

    def is_waiting() -> bool:
        found = tasks_named(bench.get(job), "count-to")
        return bool(found) and len(found[0].pipeline_task_status) == 3

    until(is_waiting, "the pause before the next attempt")
    bench.cancel(job)
    finished = bench.wait(job)
    assert finished.state == State.PIPELINE_STATE_CANCELLED
    assert [one.state for one in task(finished, "count-to").pipeline_task_status][2:] == [
        *(Task.PENDING, Task.CANCEL_PENDING, Task.CANCELLED)
    ]


def test_an_exit_handler_does_not_start_when_the_job_is_cancelled(
    bench: Bench, tmp_path: Path
) -> None:
    # TriggerPolicy of pipeline_spec.proto: no new tasks while the job is CANCELLING.
    job = bench.submit(flows.guarded_sleep, pid_file=str(tmp_path / "pid"))
    pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "pid.2")]
    bench.cancel(job)
    finished = bench.wait(job)
    assert finished.state == State.PIPELINE_STATE_CANCELLED
    assert finished.error.code == 1
    assert not any(alive(pid) for pid in pids)
    assert not tasks_named(finished, "report-status")
    for detail in [task(finished, "sleep"), task(finished, "sleep-2"), task(finished, "guarded")]:
        states = [one.state for one in detail.pipeline_task_status]
        assert states == [Task.PENDING, Task.RUNNING, Task.CANCELLING, Task.CANCELLED]
        assert detail.create_time <= detail.start_time <= detail.end_time <= finished.end_time
        assert detail.error.code == 1


@pytest.mark.parametrize("fast", [False, True])
def test_a_failed_iteration(bench: Bench, fast: bool) -> None:
    request = bench.request(flows.stops_in_a_loop)
    policy = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST if fast else 0
    request.pipeline_job.runtime_config.failure_policy = policy
    job = bench.wait(bench.service.create_pipeline_job(request))
    assert job.state == State.PIPELINE_STATE_FAILED
    first, second = tasks_named(job, "stop")
    assert first.state == Task.FAILED
    assert second.state == (Task.NOT_TRIGGERED if fast else Task.SUCCEEDED)
    assert task(job, "for-loop-2").error.message.count("worker") == (2 if fast else 1)


def test_log_names_are_valid_file_names(bench: Bench) -> None:
    from sandbox.vertex.pipelines.protocol.job import file_name

    assert file_name("a.b") == "a.b"
    long = file_name("ä" * 300)
    assert len(long.encode()) <= 200
    assert long != file_name("ä" * 301)
