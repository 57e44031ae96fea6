"""Cancelling and queueing jobs, stopping servers, and the processes of jobs."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.aiplatform_v1 import types

from sandbox.containers.catalog import Catalog
from sandbox.vertex.http.errors import FailedPrecondition, NotFound
from sandbox.vertex.pipelines.api.service import PipelineService
from sandbox.vertex.store import Store
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import (
    PARENT,
    Bench,
    alive,
    context,
    pid_in,
    task,
)
from tests.waiting import until

State = types.PipelineState


def test_a_cancel_ends_the_processes(bench: Bench, tmp_path: Path) -> None:
    job = bench.submit(samples.sleeper, pid_file=str(tmp_path / "pid"))
    assert job.state == State.PIPELINE_STATE_PENDING
    pid = pid_in(tmp_path / "pid")
    assert bench.get(job).state == State.PIPELINE_STATE_RUNNING
    assert task(bench.get(job), "sleep").state == types.PipelineTaskDetail.State.RUNNING
    runner = os.getpgid(pid)
    bench.cancel(job)
    assert bench.get(job).state in (
        State.PIPELINE_STATE_CANCELLING,
        State.PIPELINE_STATE_CANCELLED,
    )
    finished = bench.wait(job)
    assert finished.state == State.PIPELINE_STATE_CANCELLED
    assert finished.error.code == 1
    assert finished.end_time
    assert not alive(pid)
    assert not alive(runner)
    assert task(finished, "sleep").state == types.PipelineTaskDetail.State.CANCELLED
    with pytest.raises(FailedPrecondition, match="is PIPELINE_STATE_CANCELLED and cannot"):
        bench.cancel(job)


def test_a_component_that_ignores_the_cancel_is_killed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.vertex.pipelines.jobs.supervisor._GRACE", 0.3)
    job = bench.submit(samples.ignores_sigterm, pid_file=str(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")
    bench.cancel(job)
    bench.cancel(job)  # a second cancel changes nothing
    assert bench.get(job).state == State.PIPELINE_STATE_CANCELLING
    assert bench.wait(job).state == State.PIPELINE_STATE_CANCELLED
    assert not alive(pid)


def test_two_jobs_run_and_the_third_is_queued(bench: Bench, tmp_path: Path) -> None:
    files = [tmp_path / str(n) for n in range(3)]
    jobs = [bench.submit(samples.sleeper, pid_file=str(one)) for one in files]
    pids = [pid_in(one) for one in files[:2]]
    assert jobs[2].state == bench.get(jobs[2]).state == State.PIPELINE_STATE_QUEUED
    fourth = bench.submit(samples.weekly)
    bench.cancel(jobs[2])
    assert bench.get(jobs[2]).state == State.PIPELINE_STATE_CANCELLED  # it had not started
    bench.cancel(jobs[0])
    assert bench.wait(fourth).state == State.PIPELINE_STATE_SUCCEEDED
    assert alive(pids[1])
    assert not files[2].exists()
    bench.cancel(jobs[1])
    assert bench.wait(jobs[1]).state == State.PIPELINE_STATE_CANCELLED


def test_a_runner_that_is_killed_fails_its_job(bench: Bench, tmp_path: Path) -> None:
    job = bench.submit(samples.sleeper, pid_file=str(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")
    os.kill(os.getpgid(pid), signal.SIGKILL)
    finished = bench.wait(job)
    assert finished.state == State.PIPELINE_STATE_FAILED
    assert finished.error.code == 13
    assert "ended early with status -9" in finished.error.message
    until(lambda: not alive(pid), "the component to end with its runner")


def test_a_missing_job_is_not_found(bench: Bench) -> None:
    missing = types.PipelineJob(name=f"{PARENT}/pipelineJobs/missing")
    with pytest.raises(NotFound):
        bench.get(missing)
    with pytest.raises(NotFound):
        bench.cancel(missing)


@pytest.fixture
def home(cloud_storage: storage.Client, tmp_path: Path) -> Path:
    """The home of two servers, one after the other."""
    return tmp_path / "vertex"


def open_at(home: Path) -> tuple[Bench, Store]:
    store = Store(home / "vertex.sqlite")
    return Bench(PipelineService(context(store), home, Catalog()), home), store


def test_jobs_after_a_server_stops(home: Path, tmp_path: Path) -> None:
    before, store = open_at(home)
    files = [tmp_path / str(n) for n in range(2)]
    jobs = [before.submit(samples.sleeper, pid_file=str(one)) for one in files]
    waiting = before.submit(samples.weekly)
    pids = [pid_in(one) for one in files]
    before.service.close()
    store.close()
    assert not any(alive(pid) for pid in pids)
    after, store = open_at(home)
    for job in jobs:
        assert after.get(job).state == State.PIPELINE_STATE_FAILED
        assert "the sandbox stopped while the job ran" in after.get(job).error.message
    assert after.wait(waiting).state == State.PIPELINE_STATE_SUCCEEDED  # submitted again
    after.service.close()
    store.close()


SERVER = """
import sys, time
from pathlib import Path
from google.cloud.aiplatform_v1 import types
from sandbox.containers.catalog import Catalog
from sandbox.vertex.pipelines.api.service import PipelineService
from sandbox.vertex.store import Store
from tests.sandbox.vertex.pipelines.conftest import context
home = Path(sys.argv[1])
service = PipelineService(context(Store(home / "vertex.sqlite")), home, Catalog())
service.create_pipeline_job(types.CreatePipelineJobRequest.from_json(sys.stdin.read()))
time.sleep(60)
"""


def test_a_job_after_its_server_is_killed(home: Path, tmp_path: Path, bench: Bench) -> None:
    request: Any = bench.request(samples.sleeper, "orphan", pid_file=str(tmp_path / "pid"))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home)], stdin=subprocess.PIPE, text=True
    )
    assert server.stdin
    server.stdin.write(types.CreatePipelineJobRequest.to_json(request))
    server.stdin.close()
    pid = pid_in(tmp_path / "pid")
    server.kill()
    server.wait()
    after, store = open_at(home)
    finished = after.get(types.PipelineJob(name=f"{PARENT}/pipelineJobs/orphan"))
    assert finished.state == State.PIPELINE_STATE_FAILED
    assert finished.error.code == 13
    assert "the sandbox stopped while the job ran" in finished.error.message
    until(lambda: not alive(pid), "the orphan to end")
    after.service.close()
    store.close()
