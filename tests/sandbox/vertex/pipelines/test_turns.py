"""Two components at a time on the whole server, whatever becomes of their jobs."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.pipelines.jobs.slots import Slots
from tests.sandbox.vertex.pipelines import flows, samples
from tests.sandbox.vertex.pipelines.conftest import Bench, pid_in, task, until

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def test_the_job_with_the_fewest_comes_first_then_who_asked_first() -> None:
    turns, begun = Slots(2), []
    for name in ("a1", "a2", "a3", "a4", "b1", "b2"):
        turns.acquire(name[0], partial(begun.append, name))
    assert begun == ["a1", "a2"]
    turns.release("a")
    assert begun == ["a1", "a2", "b1"]
    turns.release("a")
    assert begun[3:] == ["a3"]
    turns.release("b")
    assert begun[4:] == ["b2"]


def test_a_job_that_is_over_holds_and_wants_nothing() -> None:
    turns, begun = Slots(2), []
    for name in ("a1", "a2", "a3", "b1", "b2", "b3"):
        turns.acquire(name[0], partial(begun.append, name))
    turns.forget("a")
    turns.forget("a")
    turns.release("a")  # said before it was killed, heard after
    assert begun == ["a1", "a2", "b1", "b2"]


def test_two_components_at_a_time_of_all_jobs_together(bench: Bench, tmp_path: Path) -> None:
    jobs = [bench.submit(flows.crowd, folder=str(tmp_path), job=name) for name in ("a", "b")]
    found = []
    for job in [bench.wait(one) for one in jobs]:
        assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
        for number in range(3):
            member = task(job, f"member {number}")
            found.append(member.execution.metadata["output:Output"])
    assert len(found) == 6
    assert max(found) == 2


def test_the_turns_of_a_runner_that_is_killed_go_to_others(bench: Bench, tmp_path: Path) -> None:
    first = bench.submit(flows.two_sleepers, pid_file=str(tmp_path / "pid"))
    pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "pid.2")]
    second = bench.submit(samples.exits, code=0)

    def waits() -> Any:
        return any(
            one.task_name == "stop" and one.state == Task.PENDING
            for one in bench.get(second).job_detail.task_details
        )

    until(waits, "the second job's component to be known")
    os.kill(os.getpgid(pids[0]), signal.SIGKILL)
    killed, over = bench.wait(first), bench.wait(second)
    assert killed.state == State.PIPELINE_STATE_FAILED
    assert over.state == State.PIPELINE_STATE_SUCCEEDED, over.error
    assert task(over, "stop").start_time >= killed.end_time
