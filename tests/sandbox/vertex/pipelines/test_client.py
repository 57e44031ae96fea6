"""Pipeline jobs over HTTP, with Google's generated client and the SDK."""

from pathlib import Path

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform import pipeline_jobs
from google.cloud.aiplatform.utils import gcs_utils
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import BUCKET, PARENT, Bench, Server, pid_in, task

State = types.PipelineState
Task = types.PipelineTaskDetail.State


def test_the_generated_client(server: Server, bench: Bench) -> None:
    request = bench.request(samples.weekly, "over-http", steps=7)
    job = server.client.create_pipeline_job(request)
    assert job.state == State.PIPELINE_STATE_PENDING
    with pytest.raises(exceptions.Conflict):
        server.client.create_pipeline_job(request)
    finished = server.wait(job)
    assert finished.state == State.PIPELINE_STATE_SUCCEEDED
    assert task(finished, "train").outputs["metrics"].artifacts[0].metadata["score"] == 61.5
    assert task(finished, "train").execution.metadata["input:steps"] == 7
    found = server.client.list_pipeline_jobs(
        types.ListPipelineJobsRequest(parent=PARENT, filter='display_name="a test"')
    )
    assert [one.name for one in found] == [job.name]
    masked = server.client.list_pipeline_jobs(
        types.ListPipelineJobsRequest(parent=PARENT, read_mask={"paths": ["name", "display_name"]})
    )
    assert list(masked) == [types.PipelineJob(name=job.name, display_name="a test")]
    # The mask of the SDK's PipelineJob.list(enable_simple_view=True).
    simple = server.client.list_pipeline_jobs(
        types.ListPipelineJobsRequest(
            parent=PARENT, read_mask={"paths": pipeline_jobs._READ_MASK_FIELDS}
        )
    )
    assert [(one.name, one.state) for one in simple] == [(job.name, finished.state)]
    spec = types.PipelineJob.pb(simple.pipeline_jobs[0]).pipeline_spec
    assert json_format.MessageToDict(spec) == {"pipelineInfo": {"name": "weekly"}}
    assert not simple.pipeline_jobs[0].runtime_config.gcs_output_directory
    with pytest.raises(exceptions.BadRequest, match="unknown fields: nothing"):
        server.client.list_pipeline_jobs(
            types.ListPipelineJobsRequest(parent=PARENT, read_mask={"paths": ["nothing.here"]})
        )
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        server.client.cancel_pipeline_job(name=job.name)
    with pytest.raises(exceptions.NotFound):
        server.client.get_pipeline_job(name=f"{job.name}-not")
    with pytest.raises(exceptions.BadRequest, match="no parameter 'stops'"):
        server.client.create_pipeline_job(bench.request(samples.weekly, "other", stops=7))


def test_a_cancel_over_http(server: Server, bench: Bench, tmp_path: Path) -> None:
    pid_file = str(tmp_path / "pid")
    job = server.client.create_pipeline_job(bench.request(samples.sleeper, pid_file=pid_file))
    pid_in(tmp_path / "pid")
    assert server.client.cancel_pipeline_job(name=job.name) is None
    finished = server.wait(job)
    assert finished.state == State.PIPELINE_STATE_CANCELLED


def test_the_sdk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_jobs, "_JOB_WAIT_TIME", 0.05)
    # submit() calls cloudresourcemanager.googleapis.com to check the bucket: not in tests.
    monkeypatch.setattr(gcs_utils, "_verify_bucket_ownership", lambda *_: True)
    aiplatform.init(
        project="titleholder",
        location="us-central1",
        api_endpoint=server.url,
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    template = tmp_path / "weekly.json"
    template.write_text(samples.compiled(samples.weekly))

    def job(
        job_id: str, caching: bool | None = None, **parameters: float
    ) -> aiplatform.PipelineJob:
        return aiplatform.PipelineJob(
            enable_caching=caching,
            display_name="from the sdk",
            template_path=str(template),
            job_id=job_id,
            pipeline_root=f"gs://{BUCKET}/sdk",
            parameter_values=parameters,
            labels={"from": "sdk"},
        )

    good = job("sdk-good", rate=0.25, steps=4)
    good.submit()
    good.wait()
    assert good.state == State.PIPELINE_STATE_SUCCEEDED
    assert good.task_details[0].task_name == "sdk-good"
    listed = aiplatform.PipelineJob.list(filter="labels.from=sdk", order_by="create_time desc")
    assert [one.name for one in listed] == ["sdk-good"]

    for caching, state in ((None, Task.SKIPPED), (True, Task.SKIPPED), (False, Task.SUCCEEDED)):
        repeated = job(f"sdk-{caching}".lower(), caching, rate=0.25, steps=4)
        repeated.submit()
        repeated.wait()
        trained = task(repeated._gca_resource, "train")
        assert (trained.state, trained.outputs["metrics"].artifacts[0].metadata["score"]) == (
            state,
            61.5,
        )
    good.delete()
    assert "sdk-good" not in [one.name for one in aiplatform.PipelineJob.list()]

    template.write_text(samples.compiled(samples.broken))
    bad = job("sdk-bad")
    bad.submit()
    with pytest.raises(RuntimeError, match="The failed tasks are: \\[fail\\]"):
        bad.wait()
    assert bad.has_failed
