"""Slots: two components run at a time on a server, even if runners are killed."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.pipelines.jobs.slots import Slots
from tests.sandbox.vertex.pipelines import flows, samples
from tests.sandbox.vertex.pipelines.conftest import Bench, pid_in, task
from tests.waiting import until

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def test_a_slot_goes_to_the_job_with_the_fewest_then_to_the_first_request() -> None:
    slots, started = Slots(2), []
    for name in ("a1", "a2", "a3", "a4", "b1", "b2"):
        slots.acquire(name[0], partial(started.append, name))
    assert started == ["a1", "a2"]
    slots.release("a")
    assert started == ["a1", "a2", "b1"]
    slots.release("a")
    assert started[3:] == ["a3"]
    slots.release("b")
    assert started[4:] == ["b2"]


def test_a_finished_job_has_no_slots_and_no_requests() -> None:
    slots, started = Slots(2), []
    for name in ("a1", "a2", "a3", "b1", "b2", "b3"):
        slots.acquire(name[0], partial(started.append, name))
    slots.forget("a")
    slots.forget("a")
    slots.release("a")  # sent before the kill, received after it
    assert started == ["a1", "a2", "b1", "b2"]


def test_two_components_run_at_a_time_over_all_jobs(bench: Bench, tmp_path: Path) -> None:
    jobs = [bench.submit(flows.crowd, folder=str(tmp_path), job=name) for name in ("a", "b")]
    found = []
    for job in [bench.wait(one) for one in jobs]:
        assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
        for number in range(3):
            member = task(job, f"member {number}")
            found.append(member.execution.metadata["output:Output"])
    assert len(found) == 6
    assert max(found) == 2


def test_the_slots_of_a_killed_runner_go_to_other_jobs(bench: Bench, tmp_path: Path) -> None:
    first = bench.submit(flows.two_sleepers, pid_file=str(tmp_path / "pid"))
    pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "pid.2")]
    second = bench.submit(samples.exits, code=0)

    def is_waiting() -> Any:
        return any(
            one.task_name == "stop" and one.state == Task.PENDING
            for one in bench.get(second).job_detail.task_details
        )

    until(is_waiting, "the component of the second job to be pending")
    os.kill(os.getpgid(pids[0]), signal.SIGKILL)
    killed, finished = bench.wait(first), bench.wait(second)
    assert killed.state == State.PIPELINE_STATE_FAILED
    assert finished.state == State.PIPELINE_STATE_SUCCEEDED, finished.error
    assert task(finished, "stop").start_time >= killed.end_time
