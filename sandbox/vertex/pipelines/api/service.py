"""The calls of Google's PipelineService that have to do with jobs."""

import random
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.cloud.aiplatform_v1.types import PipelineFailurePolicy, PipelineJob, PipelineState

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from sandbox.vertex.operations.lifecycle import Finish
from sandbox.vertex.pipelines.api import requests
from sandbox.vertex.pipelines.api.listing import list_jobs
from sandbox.vertex.pipelines.jobs.job_registry import JobRegistry
from sandbox.vertex.pipelines.jobs.metadata import Metadata
from sandbox.vertex.pipelines.protocol.job import Job

# BatchDeletePipelineJobsRequest.names says so.
_LARGEST_BATCH: Final = 32


class PipelineService:
    """Methods of google/cloud/aiplatform/v1/pipeline_service.proto that are about jobs."""

    def __init__(
        self, context: Context, home: Path, failing_tasks: Callable[[], Collection[str]] = tuple
    ) -> None:
        """`home` is the folder of the jobs' logs and files.

        `failing_tasks` is asked whenever a job is made: its components of these names will fail.
        """
        self._context = context
        self._failing_tasks = failing_tasks
        self._metadata = Metadata(context.store)
        self._runs = JobRegistry(context, self._metadata, home)

    def create_pipeline_job(self, request: Any) -> Any:
        """Check the job and queue it. It is PENDING then, or QUEUED while others run.

        Raises InvalidArgument, for all that the sandbox cannot run too, NotFound for an input
        artifact, and AlreadyExists.
        """
        parent = self._context.names.parent(request.parent)
        if request.pipeline_job_id:
            requests.check_id(request.pipeline_job_id)
        asked = request.pipeline_job
        requests.check_job(asked)
        content = requests.content_of(asked)
        spec = requests.parse_spec(content)
        parameters = requests.runtime_parameters(spec, asked)
        artifacts = requests.input_artifacts(
            spec, asked, lambda artifact_id: self._metadata.get(parent, artifact_id)
        )
        now = self._context.clock()
        uid = random.getrandbits(62)
        job: Any = PipelineJob(asked)  # a copy
        for output_only in (
            *("create_time", "start_time", "end_time", "update_time", "state"),
            *("job_detail", "error", "schedule_name", "template_metadata"),
        ):
            setattr(job, output_only, None)
        # Google sets this one itself (pipeline_job.proto, PipelineJob.labels).
        job.labels["vertex-ai-pipelines-run-billing-id"] = str(uid)

        with self._context.store.transaction():
            made = requests.new_id(spec, now)
            job.name = self._new_name(parent, request.pipeline_job_id, made)
            run = Job(
                name=job.name,
                uid=uid,
                spec=content,
                parameters=parameters,
                artifacts=artifacts,
                root=asked.runtime_config.gcs_output_directory.rstrip("/"),
                create_time=f"{now:%Y-%m-%dT%H:%M:%SZ}",
                fail_fast=asked.runtime_config.failure_policy
                == PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST,
                labels=dict(job.labels),
                failing=list(self._failing_tasks()),
            )
            self._runs.keep(job, run)
        if self._runs.begin(job.name):
            job.state = PipelineState.PIPELINE_STATE_PENDING
        return job

    def get_pipeline_job(self, request: Any) -> Any:
        """The job as it is now. Raises InvalidArgument, NotFound."""
        return self._runs.get(self._name(request.name))

    def list_pipeline_jobs(self, request: Any) -> Any:
        """A page of jobs, without their details. Raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        jobs = self._context.store.list(PipelineJob, f"{parent}/pipelineJobs/")
        return list_jobs(jobs, request)

    def cancel_pipeline_job(self, request: Any) -> None:
        """Have the job end, later. Raises InvalidArgument, NotFound, FailedPrecondition."""
        self._runs.cancel(self._name(request.name))

    def delete_pipeline_job(self, request: Any) -> Any:
        """An operation that forgets a job that is over; its artifacts stay.

        Raises InvalidArgument, NotFound, and FailedPrecondition while it runs.
        """
        name = self._name(request.name)
        self._runs.must_be_over(name)

        def finish() -> None:
            self._runs.must_be_over(name)
            self._runs.delete(name)

        return self._start(name, types.DeleteOperationMetadata(), finish)

    def batch_delete_pipeline_jobs(self, request: Any) -> Any:
        """An operation that forgets all of these jobs, or none.

        Raises InvalidArgument, NotFound, and FailedPrecondition while one of them runs.
        """
        parent, names = self._batch(request)
        for name in names:
            self._runs.must_be_over(name)

        def finish() -> Any:
            jobs = [self._runs.must_be_over(name) for name in names]
            for name in names:
                self._runs.delete(name)
            return types.BatchDeletePipelineJobsResponse(pipeline_jobs=jobs)

        return self._start(parent, types.DeleteOperationMetadata(), finish)

    def batch_cancel_pipeline_jobs(self, request: Any) -> Any:
        """An operation that has all of these jobs end; they do so later.

        Jobs that are over stay as they are: BatchCancelPipelineJobs of pipeline_service.proto
        says so. Raises InvalidArgument, NotFound.
        """
        parent, names = self._batch(request)
        for name in names:
            self._runs.get(name)

        def finish() -> Any:
            jobs = [self._runs.get(name) for name in names]
            return types.BatchCancelPipelineJobsResponse(pipeline_jobs=jobs)

        operation = self._start(parent, types.BatchCancelPipelineJobsOperationMetadata(), finish)
        for name in names:
            with suppress(FailedPrecondition):
                self._runs.cancel(name)
        return operation

    def close(self) -> None:
        """End the running jobs, which have failed then, and wait for it."""
        self._runs.close()

    def _start(self, target: str, metadata: Any, finish: Callable[[], Any]) -> Any:
        seconds = self._context.durations.other

        def prepare() -> Finish:
            return finish

        return self._context.operations.start(target, metadata, seconds, prepare, alone=True)

    def _batch(self, request: Any) -> tuple[str, Sequence[str]]:
        parent = self._context.names.parent(request.parent)
        names = list(dict.fromkeys(self._name(name) for name in request.names))
        if not 1 <= len(request.names) <= _LARGEST_BATCH:
            raise InvalidArgument(
                f"names has {len(request.names)} entries; 1 to {_LARGEST_BATCH} are allowed."
            )
        for name in names:
            if not name.startswith(f"{parent}/"):
                raise InvalidArgument(f"names has {name}, which is not under {parent}.")
        return parent, names

    def _name(self, name: str) -> str:
        return self._context.names.resource(name, "pipelineJobs", "name")

    def _new_name(self, parent: str, asked: str, made: str) -> str:
        name = f"{parent}/pipelineJobs/{asked or made}"
        number = 1
        while self._context.store.get(PipelineJob, name) is not None:
            if asked:
                raise AlreadyExists(f"The PipelineJob {name} already exists.")
            number += 1
            name = f"{parent}/pipelineJobs/{made}-{number}"
        return name
