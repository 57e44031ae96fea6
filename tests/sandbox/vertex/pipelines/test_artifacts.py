"""Input artifacts, imported artifacts and lists of artifacts."""

from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import InvalidArgument, NotFound
from tests.sandbox.vertex.pipelines import flows
from tests.sandbox.vertex.pipelines.conftest import BUCKET, Bench, task

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def submit_with(bench: Bench, folder: Path, **ids: str) -> Any:
    request = bench.request(flows.with_input_artifact, folder=str(folder))
    request.pipeline_job.runtime_config.input_artifacts = {
        name: {"artifact_id": one} for name, one in ids.items()
    }
    return bench.service.create_pipeline_job(request)


def test_an_artifact_of_another_job_can_be_an_input(bench: Bench, tmp_path: Path) -> None:
    made = task(bench.run(flows.two_steps, folder=str(tmp_path)), "write").outputs["note"]
    artifact = made.artifacts[0]
    job = bench.wait(submit_with(bench, tmp_path, note=artifact.name.rpartition("/")[2]))
    assert task(job, "read").execution.metadata["output:Output"] == "hello", job.error
    assert list(task(job, "read").inputs["note"].artifacts) == [artifact]
    assert list(task(job, job.name.rpartition("/")[2]).inputs["note"].artifacts) == [artifact]


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ({}, InvalidArgument, "the artifact 'note' is required"),
        ({"note": "1", "other": "2"}, InvalidArgument, "no input artifact 'other'; it has note"),
        ({"note": "projects/p/artifacts/1"}, InvalidArgument, "the last part of an artifact's"),
        ({"note": ""}, InvalidArgument, "the last part"),
        ({"note": "12345"}, NotFound, "the artifact 12345 of 'note' does not exist"),
    ],
)
def test_invalid_input_artifacts_are_refused(
    bench: Bench, tmp_path: Path, ids: dict[str, str], error: Any, message: str
) -> None:
    names = {name: one for name, one in ids.items() if name != "other"}
    with pytest.raises(error, match=message):
        submit_with(bench, tmp_path, **(ids if "other" in ids else names))


def test_an_input_artifact_of_another_type_is_refused(
    bench: Bench, tmp_path: Path, cloud_storage: storage.Client
) -> None:
    from tests.sandbox.vertex.pipelines import samples

    cloud_storage.bucket(BUCKET).blob("afar/model").upload_from_string("weights")
    job = bench.run(samples.imported, uri=f"gs://{BUCKET}/afar/model")
    model = task(job, "importer").outputs["artifact"].artifacts[0].name.rpartition("/")[2]
    with pytest.raises(InvalidArgument, match=r"must be a system.Dataset, and \d+ is a system"):
        submit_with(bench, tmp_path, note=model)


def test_two_imports_of_an_object_give_the_same_artifact(
    bench: Bench, tmp_path: Path, cloud_storage: storage.Client
) -> None:
    cloud_storage.bucket(BUCKET).blob("afar/note").upload_from_string("far")
    uri = f"gs://{BUCKET}/afar/note"
    first, second = (
        bench.run(flows.imports, caching=None, uri=uri, folder=str(tmp_path)) for _ in range(2)
    )
    assert task(first, "importer").outputs == task(second, "importer").outputs
    assert task(second, "importer").state == Task.SUCCEEDED
    assert task(second, "read").state == Task.SKIPPED  # its input is the same
    again = [task(bench.run(flows.imports_again, uri=uri), "importer") for _ in range(2)]
    assert again[0].outputs["artifact"].artifacts[0].name != (
        again[1].outputs["artifact"].artifacts[0].name
    )


def test_lists_of_artifacts(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.collects_artifacts, folder=str(tmp_path), words=["a", "b", "c"])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    root = task(job, job.name.rpartition("/")[2])
    assert root.execution.metadata["output:Output"] == "a+b+c"
    assert len(task(job, "read-all").inputs["notes"].artifacts) == 3
    reads = [one for one in job.job_detail.task_details if one.task_name == "read"]
    assert sorted(one.execution.metadata["output:Output"] for one in reads) == ["a", "b", "c"]
    inner = [one for one in job.job_detail.task_details if one.task_name == "writer"]
    assert all(len(one.outputs["Output"].artifacts) == 1 for one in inner)


def test_an_empty_list_of_artifacts(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(flows.collects_artifacts, folder=str(tmp_path), words=[])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    assert task(job, job.name.rpartition("/")[2]).execution.metadata["output:Output"] == ""
