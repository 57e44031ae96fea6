"""The features of kfp's language, from the outside: Google's client, and the outputs of jobs."""

import json
from pathlib import Path

from google.cloud import storage
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import features
from tests.sandbox.vertex.pipelines.conftest import (
    BUCKET,
    PARENT,
    Bench,
    Server,
    output,
    outputs,
    task,
    tasks,
)

Task = types.PipelineTaskDetail.State


def test_loops_over_structs_that_the_spec_declares_as_strings(server: Server, bench: Bench) -> None:
    rows = [{"words": ["a", {"b": 1}]}, {"words": [2.5]}]
    job = server.run(bench.request(features.loops_over_structs, rows=rows))
    assert [json.loads(text) for text in outputs(job, "row")] == [
        {"word": "a", "n": 1},
        {"word": "b", "n": 2},
    ]
    # Artifacts of nested loops are one list; those of the inner loop stay together.
    texts = [json.loads(text) if text != "a" else text for text in output(job, "read-in-order")]
    assert texts == ["a", {"b": 1}, 2.5]


def test_one_pipeline_with_most_features(
    server: Server, bench: Bench, cloud_storage: storage.Client, tmp_path: Path
) -> None:
    cloud_storage.bucket(BUCKET).blob("elsewhere/model").upload_from_string("weights")
    uri = f"gs://{BUCKET}/elsewhere/model"
    request = bench.request(
        features.everything, "everything-1", caching=None, uri=uri, folder=str(tmp_path)
    )
    job = server.run(request)

    imported = task(job, "importer").outputs["artifact"].artifacts[0]
    assert (imported.uri, imported.metadata["word"]) == (uri, "the word b")
    assert output(job, "read-model") == f"{uri} weights"

    counted = task(job, "count-to")
    assert counted.execution.metadata["output:Output"] == 2
    assert len(counted.executor_detail.container_detail.failed_main_jobs) == 1

    created = f"{job.create_time:%Y-%m-%dT%H:%M:%SZ}"
    assert list(output(job, "facts")) == [
        "everything-1",
        f"{PARENT}/pipelineJobs/everything-1",
        job.labels["vertex-ai-pipelines-run-billing-id"],
        "task facts of b",
        str(task(job, "facts").task_id),
        f"gs://{BUCKET}/root",
        f"{created} {created}",
        "hello",
    ]

    # If and Else are not triggered; Elif is a pipeline in a pipeline.
    branches = {one.task_name: one.state for one in job.job_detail.task_details}
    assert [branches[f"condition-{n}"] for n in (2, 3, 4)] == [
        *(Task.NOT_TRIGGERED, Task.SUCCEEDED, Task.NOT_TRIGGERED)
    ]
    assert task(job, "inner").execution.schema_title == "system.DagExecution"
    assert output(job, "chosen") == "hello elif"

    # A task without caching runs again, the others do not.
    request.pipeline_job_id = "everything-2"
    again = server.run(request)
    states = {one.task_name: one.state for one in again.job_detail.task_details}
    assert states["facts"] == Task.SUCCEEDED
    skipped = ["read-model", "count-to", "chosen"]
    assert [states[name] for name in skipped] == [Task.SKIPPED] * 3
    assert [output(again, name) for name in skipped] == [output(job, name) for name in skipped]


def test_a_task_that_ignores_a_failure_upstream(server: Server, bench: Bench) -> None:
    job = server.wait(server.client.create_pipeline_job(bench.request(features.fails_and_goes_on)))
    assert output(job, "default-of") == "its own"
    assert [one.state for one in tasks(job, "fail")] == [Task.FAILED]
    assert "The failed tasks are: [fail]." in job.error.message
