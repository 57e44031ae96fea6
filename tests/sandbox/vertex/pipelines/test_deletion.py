"""Deleting and cancelling single jobs and batches, with Google's client."""

from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import PARENT, Bench, Server, pid_in
from tests.waiting import until

State = types.PipelineState


def finished(server: Server, name: str) -> types.PipelineJob:
    return until(
        lambda: (now := server.client.get_pipeline_job(name=name)).end_time and now, "the end"
    )


def test_only_a_finished_job_is_deleted(server: Server, bench: Bench, tmp_path: Path) -> None:
    request = bench.request(samples.sleeper, "short", pid_file=str(tmp_path / "pid"))
    name = server.client.create_pipeline_job(request).name
    pid_in(tmp_path / "pid")
    with pytest.raises(exceptions.BadRequest, match="RUNNING and cannot be deleted; cancel it"):
        server.client.delete_pipeline_job(name=name)
    server.client.cancel_pipeline_job(name=name)
    finished(server, name)
    server.client.delete_pipeline_job(name=name).result(timeout=20)
    with pytest.raises(exceptions.NotFound):
        server.client.get_pipeline_job(name=name)
    with pytest.raises(exceptions.NotFound):
        server.client.delete_pipeline_job(name=name)
    (tmp_path / "pid").unlink()
    assert server.client.create_pipeline_job(request).name == name  # the id is free repeated
    pid_in(tmp_path / "pid")
    server.client.cancel_pipeline_job(name=name)
    finished(server, name)


def test_batches(server: Server, bench: Bench, tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(3)]
    names = [
        server.client.create_pipeline_job(bench.request(samples.sleeper, pid_file=str(one))).name
        for one in files
    ]
    for file in files[:2]:
        pid_in(file)
    with pytest.raises(exceptions.BadRequest, match="cannot be deleted"):
        server.client.batch_delete_pipeline_jobs(parent=PARENT, names=names)
    cancelled = server.client.batch_cancel_pipeline_jobs(parent=PARENT, names=names)
    assert [one.name for one in cancelled.result(timeout=20).pipeline_jobs] == names
    for name in names:
        assert finished(server, name).state == State.PIPELINE_STATE_CANCELLED
    repeated = server.client.batch_cancel_pipeline_jobs(parent=PARENT, names=names)
    assert len(repeated.result(timeout=20).pipeline_jobs) == 3
    with pytest.raises(exceptions.NotFound):
        server.client.batch_delete_pipeline_jobs(parent=PARENT, names=[*names, f"{names[0]}-no"])
    deleted = server.client.batch_delete_pipeline_jobs(parent=PARENT, names=names)
    assert [one.name for one in deleted.result(timeout=20).pipeline_jobs] == names
    remaining = [one.name for one in server.client.list_pipeline_jobs(parent=PARENT)]
    assert not set(remaining) & set(names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "names has 0 entries"),
        ([f"{PARENT}/pipelineJobs/j{number}" for number in range(33)], "33 entries; 1 to 32"),
        (["projects/123456789/locations/europe-west1/pipelineJobs/j"], "not under"),
        (["j"], "Invalid name"),
    ],
)
def test_invalid_batches_are_refused(server: Server, names: list[str], message: str) -> None:
    for method in ("batch_delete_pipeline_jobs", "batch_cancel_pipeline_jobs"):
        with pytest.raises(exceptions.BadRequest, match=message):
            getattr(server.client, method)(parent=PARENT, names=names)
