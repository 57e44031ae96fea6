"""Running jobs: states, details, files, errors."""

import ast
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.aiplatform_v1 import types

from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import BUCKET, PARENT, Bench, task

Task = types.PipelineTaskDetail.State
State = types.PipelineState


def text_at(client: storage.Client, uri: str) -> str:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return str(client.bucket(bucket).blob(name).download_as_text())


@pytest.fixture(scope="module")
def weekly(bench: Bench) -> Any:
    """A successful job whose condition is true."""
    return bench.run(samples.weekly, rate=0.25, steps=7)


def test_a_job_that_succeeds(weekly: Any) -> None:
    assert weekly.state == State.PIPELINE_STATE_SUCCEEDED, weekly.error
    assert weekly.create_time <= weekly.start_time <= weekly.end_time == weekly.update_time
    assert weekly.display_name == "a test"
    assert weekly.labels["team"] == "data"
    assert not weekly.error.message
    assert weekly.pipeline_spec["pipelineInfo"]["name"] == "weekly"


def test_a_successful_runner_logs_nothing(bench: Bench, weekly: Any) -> None:
    folder = bench.home / "us-central1" / weekly.name.split("/")[-1]
    assert (folder / "runner.log").read_text() == ""


def test_the_job_is_the_root_task(weekly: Any) -> None:
    root = task(weekly, weekly.name.split("/")[-1])
    assert root.parent_task_id == 0
    assert root.execution.schema_title == "system.Run"
    assert dict(root.execution.metadata) == {
        "input:minimum": 50.0,
        "input:rate": 0.25,
        "input:steps": 7.0,
    }
    assert task(weekly, "train").parent_task_id == root.task_id
    branch = task(weekly, "good-enough")
    assert branch.execution.schema_title == "system.DagExecution"
    assert task(weekly, "export-model").parent_task_id == branch.task_id
    assert task(weekly, "export-model").task_unique_name == "condition-1.export-model"


def test_a_task_has_metrics_parameters_and_times(weekly: Any) -> None:
    trained = task(weekly, "train")
    assert trained.state == Task.SUCCEEDED
    assert trained.create_time <= trained.start_time <= trained.end_time
    assert [one.state for one in trained.pipeline_task_status] == [
        Task.PENDING,
        Task.RUNNING,
        Task.SUCCEEDED,
    ]
    metrics = trained.outputs["metrics"].artifacts[0]
    assert metrics.metadata["score"] == 61.5
    assert metrics.schema_title == "system.Metrics"
    assert metrics.name.startswith(f"{PARENT}/metadataStores/default/artifacts/")
    assert trained.execution.metadata["input:steps"] == 7
    assert task(weekly, "gate").execution.metadata["output:Output"] is True
    assert trained.executor_detail.container_detail.main_job.startswith(f"{PARENT}/customJobs/")


def test_artifacts_are_in_cloud_storage(weekly: Any, cloud_storage: storage.Client) -> None:
    trained = task(weekly, "train")
    model = trained.outputs["model"].artifacts[0]
    job_id = weekly.name.split("/")[-1]
    folder = f"gs://{BUCKET}/root/123456789/{job_id}/train_{trained.task_id}"
    assert model.uri == f"{folder}/model"
    assert model.metadata["framework"] == "none"
    assert text_at(cloud_storage, model.uri) == "rate=0.25 steps=7"
    assert text_at(cloud_storage, model.uri + ".note") == "beside it"
    assert "parameterValues" in text_at(
        cloud_storage,
        f"gs://{BUCKET}/root/123456789/{job_id}/gate_{task(weekly, 'gate').task_id}"
        "/executor_output.json",
    )


def test_an_output_may_pass_on_another_artifact(weekly: Any, cloud_storage: storage.Client) -> None:
    model = task(weekly, "train").outputs["model"].artifacts[0]
    exported = task(weekly, "export-model")
    assert exported.inputs["model"].artifacts[0].name == model.name
    assert exported.outputs["exported"].artifacts[0].uri == model.uri
    assert exported.outputs["exported"].artifacts[0].metadata["score"] == 61.5
    assert exported.execution.metadata["output:Output"] == "rate=0.25 steps=7, beside it"
    blobs = cloud_storage.list_blobs(
        BUCKET, prefix=f"root/titleholder/{weekly.name[-5:]}/export-model"
    )
    assert not [blob.name for blob in blobs if blob.name.endswith("exported")]


def test_a_false_condition(bench: Bench) -> None:
    job = bench.run(samples.weekly, minimum=61.6)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED
    branch = task(job, "good-enough")
    assert branch.state == Task.NOT_TRIGGERED
    assert branch.end_time
    assert "export-model" not in [one.task_name for one in job.job_detail.task_details]


@pytest.mark.parametrize(
    ("parameters", "output"),
    [({"number": 6}, "high"), ({"word": "b"}, "b"), ({}, "rest")],
)
def test_if_elif_else_and_one_of(bench: Bench, parameters: Any, output: str) -> None:
    job = bench.run(samples.branches, **parameters)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    root = task(job, job.name.split("/")[-1])
    assert root.execution.metadata["output:Output"] == output
    states = [one.state for one in job.job_detail.task_details]
    assert states.count(Task.NOT_TRIGGERED) == 2


def test_a_pipeline_inside_a_pipeline(bench: Bench) -> None:
    job = bench.run(samples.outer, text="{{$.inputs.parameters['x']}}")
    root = task(job, job.name.split("/")[-1])
    # Values from run time are data, even if they look like placeholders.
    expected = "hello {{$.inputs.parameters['x']}}!"
    assert root.execution.metadata["output:Output"] == expected
    assert task(job, "inner").state == Task.SUCCEEDED


def test_every_type_of_parameter(bench: Bench) -> None:
    job = bench.run(
        samples.types,
        whole=3,
        half=2,
        text="é'\"\n{}",
        flag=False,
        many=[1, 2.5, "x", {"a": None}],
        deep={"n": 7, "list": [True]},
    )
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    shown = task(job, "show").execution.metadata["output:Output"]
    expected = [3, 2.0, "é'\"\n{}", False, [1, 2.5, "x", {"a": None}], {"n": 7, "list": [True]}]
    assert ast.literal_eval(shown) == expected
    assert shown.startswith("[3, 2.0, ")  # an int, and a float although it was sent as 2
    assert task(job, "say").execution.metadata["output:Output"] == "given 3"


def test_a_task_that_fails(bench: Bench) -> None:
    job = bench.run(samples.broken)
    assert job.state == State.PIPELINE_STATE_FAILED
    assert job.error.code == 9
    assert job.error.message.startswith(
        "The DAG failed because some tasks failed. The failed tasks are: [fail]."
    )
    failed = task(job, "fail")
    assert failed.state == Task.FAILED
    log = bench.home / "us-central1" / job.name.split("/")[-1] / "fail.log"
    assert failed.error.message == (
        "The replica workerpool0-0 exited with a non-zero status of 1. "
        "ValueError: no rows in visits. To find out more about why your job exited please check "
        f"the logs: {log}"
    )
    assert "Traceback" in log.read_text()
    assert task(job, "after the failure").state == Task.NOT_TRIGGERED
    assert task(job, "say-2").state == Task.SUCCEEDED  # other tasks continue: FAIL_SLOW


def test_a_task_that_exits(bench: Bench) -> None:
    job = bench.run(samples.exits, code=3)
    message = task(job, "stop").error.message
    assert message.startswith(
        "The replica workerpool0-0 exited with a non-zero status of 3. going. To"
    )


def test_a_task_that_exits_without_a_word(bench: Bench) -> None:
    job = bench.run(samples.exits_silently)
    message = task(job, "stop-silently").error.message
    assert message.startswith("The replica workerpool0-0 exited with a non-zero status of 1. To")


@pytest.mark.parametrize(
    ("pipeline", "name", "message"),
    [
        (samples.nan, "not-a-number", "NaN is not a number in JSON"),
        (samples.surrogate, "broken-unicode", "output 'metrics' cannot be stored"),
        (samples.huge, "too-large", "output 'Output' "),
    ],
)
def test_outputs_that_cannot_be_stored(
    bench: Bench, pipeline: Any, name: str, message: str
) -> None:
    job = bench.run(pipeline)
    assert job.state == State.PIPELINE_STATE_FAILED
    assert message in task(job, name).error.message


def test_fail_fast_starts_no_more_tasks(bench: Bench) -> None:
    request = bench.request(samples.two_ways)
    slow = bench.wait(bench.service.create_pipeline_job(request))
    assert task(slow, "say").state == Task.SUCCEEDED
    request = bench.request(samples.two_ways)
    fast = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST
    request.pipeline_job.runtime_config.failure_policy = fast
    job = bench.wait(bench.service.create_pipeline_job(request))
    assert job.state == State.PIPELINE_STATE_FAILED
    # Both branches start at once, and either may end first.
    failed, other = task(job, "fail"), task(job, "stop")
    if failed.end_time < other.end_time:
        assert task(job, "say").state == Task.NOT_TRIGGERED


def test_an_exit_handler_runs_after_a_failure(bench: Bench) -> None:
    job = bench.run(samples.handled)
    assert job.state == State.PIPELINE_STATE_FAILED
    assert "[guarded]" in job.error.message
    assert task(job, "report-status").execution.metadata["output:Output"] == (
        "FAILED guarded The DAG failed because some tasks failed. The failed tasks are: [fail]."
    )


def test_a_loop_collects_its_outputs(bench: Bench) -> None:
    job = bench.run(samples.loop, words=["x", "y", "z"])
    root = task(job, job.name.split("/")[-1])
    assert root.execution.metadata["output:Output"] == "x+y+z", job.error


def test_a_component_does_not_see_the_sandbox(bench: Bench) -> None:
    job = bench.run(samples.shows_environment)
    detail = task(job, "environment-facts")
    folder, imported, installed, first = ast.literal_eval(
        detail.execution.metadata["output:Output"]
    )
    assert folder == f"environment-facts_{detail.task_id}"
    assert imported is False
    assert installed is None
    assert "sandbox" not in first


def test_a_missing_bucket_fails_the_job(bench: Bench) -> None:
    request = bench.request(samples.weekly)
    request.pipeline_job.runtime_config.gcs_output_directory = "gs://no-such-bucket/root"
    job = bench.wait(bench.service.create_pipeline_job(request))
    assert job.state == State.PIPELINE_STATE_FAILED
    assert "The specified bucket does not exist: no-such-bucket" in job.error.message
