"""Caching of tasks, by the rules of Vertex AI."""

from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import flows
from tests.sandbox.vertex.pipelines.conftest import BUCKET, Bench, task
from tests.sandbox.vertex.pipelines.test_cancellation import open_at

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def runs(folder: Path) -> int:
    """The number of components that have run."""
    return len(list(folder.iterdir()))


def states(job: Any) -> list[Any]:
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    return [task(job, name).state for name in ("write", "read")]


@pytest.fixture
def done(bench: Bench, tmp_path: Path) -> Any:
    """A job that has run with its own folder."""
    job = bench.run(flows.two_steps, caching=None, folder=str(tmp_path))
    assert states(job) == [Task.SUCCEEDED, Task.SUCCEEDED]
    return job


def test_the_same_task_is_skipped(bench: Bench, done: Any, tmp_path: Path) -> None:
    again = bench.run(flows.two_steps, caching=None, folder=str(tmp_path))
    assert states(again) == [Task.SKIPPED, Task.SKIPPED]
    assert runs(tmp_path) == 2
    written, before = task(again, "write"), task(done, "write")
    assert written.task_id != before.task_id
    assert written.outputs["note"] == before.outputs["note"]
    assert written.outputs["note"].artifacts[0].metadata["length"] == 5
    assert written.execution.metadata["output:Output"] == "HELLO"
    assert written.execution.state == types.Execution.State.CACHED
    assert not written.executor_detail.container_detail.main_job
    assert [one.state for one in written.pipeline_task_status] == [Task.PENDING, Task.SKIPPED]
    assert again.create_time <= written.create_time <= written.start_time <= written.end_time
    assert task(again, "read").inputs["note"] == task(done, "read").inputs["note"]


def test_a_task_with_another_value_runs(bench: Bench, done: Any, tmp_path: Path) -> None:
    other = bench.run(flows.two_steps, caching=None, folder=str(tmp_path), text="bye")
    assert states(other) == [Task.SUCCEEDED, Task.SUCCEEDED]


def test_caching_can_be_off_for_a_job_or_a_task(bench: Bench, done: Any, tmp_path: Path) -> None:
    off = bench.run(flows.two_steps, caching=False, folder=str(tmp_path))
    assert states(off) == [Task.SUCCEEDED, Task.SUCCEEDED]
    half = bench.run(flows.half_cached, caching=None, folder=str(tmp_path))
    assert states(half) == [Task.SKIPPED, Task.SUCCEEDED]
    on = bench.run(flows.half_cached, caching=True, folder=str(tmp_path))
    assert states(on) == [Task.SKIPPED, Task.SKIPPED]
    # The job `off` created the artifact again: that artifact is now the cached one.
    assert task(half, "write").outputs == task(off, "write").outputs != task(done, "write").outputs


def test_pipelines_of_different_names_share_no_cache(
    bench: Bench, done: Any, tmp_path: Path
) -> None:
    other = bench.run(flows.two_steps_too, caching=None, folder=str(tmp_path))
    assert task(other, "write").state == Task.SUCCEEDED


def test_a_task_with_a_deleted_artifact_runs_again(
    bench: Bench, done: Any, tmp_path: Path, cloud_storage: storage.Client
) -> None:
    uri = task(done, "write").outputs["note"].artifacts[0].uri
    cloud_storage.bucket(BUCKET).blob(uri.removeprefix(f"gs://{BUCKET}/")).delete()
    again = bench.run(flows.two_steps, caching=None, folder=str(tmp_path))
    # The artifact is a new one, and so is the input of the task that reads it.
    assert states(again) == [Task.SUCCEEDED, Task.SUCCEEDED]
    assert task(again, "write").outputs["note"].artifacts[0].uri != uri


def test_a_failed_task_is_not_cached(bench: Bench, tmp_path: Path) -> None:
    nowhere = tmp_path / "later"
    job = bench.run(flows.two_steps, caching=None, folder=str(nowhere))
    assert job.state == State.PIPELINE_STATE_FAILED
    nowhere.mkdir()
    again = bench.run(flows.two_steps, caching=None, folder=str(nowhere))
    assert states(again) == [Task.SUCCEEDED, Task.SUCCEEDED]


def test_the_cache_survives_a_restart_and_its_job(
    cloud_storage: storage.Client, bench: Bench, tmp_path: Path
) -> None:
    folder = tmp_path / "ran"
    folder.mkdir()
    before, store = open_at(tmp_path / "home")
    job = before.run(flows.two_steps, caching=None, folder=str(folder))
    before.service.delete_pipeline_job(types.DeletePipelineJobRequest(name=job.name))
    before.service.close()
    store.close()
    after, store = open_at(tmp_path / "home")
    request = bench.request(flows.two_steps, "later", caching=None, folder=str(folder))
    again = after.wait(after.service.create_pipeline_job(request))
    assert states(again) == [Task.SKIPPED, Task.SKIPPED]
    after.service.close()
    store.close()
