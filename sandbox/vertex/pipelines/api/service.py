"""The calls of PipelineService on jobs."""

import random
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.cloud.aiplatform_v1.types import PipelineFailurePolicy, PipelineJob, PipelineState

from sandbox.containers.catalog import Catalog
from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from sandbox.vertex.pipelines.api import requests
from sandbox.vertex.pipelines.api.listing import list_jobs
from sandbox.vertex.pipelines.jobs.job_registry import JobRegistry
from sandbox.vertex.pipelines.jobs.metadata import Metadata
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES
from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec.messages import Spec
from sandbox.vertex.pipelines.spec.values import Artifact

# The docs of BatchDeletePipelineJobsRequest.names.
_LARGEST_BATCH: Final = 32


@dataclass(frozen=True)
class _Checked:
    """A valid request for a job."""

    parent: str
    template: Any
    content: dict[str, Any]
    spec: Spec
    parameters: dict[str, Any]
    artifacts: dict[str, Artifact]


class PipelineService:
    """Methods of google/cloud/aiplatform/v1/pipeline_service.proto on jobs."""

    def __init__(
        self,
        context: Context,
        home: Path,
        catalog: Catalog,
        failing_tasks: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`home` is the folder of the jobs' logs and files, `catalog` has the images of steps.

        `failing_tasks` is called for each new job; its tasks of these names will fail.
        """
        self._context = context
        self._failing_tasks = failing_tasks
        self._catalog = catalog
        self._metadata = Metadata(context.store)
        self._registry = JobRegistry(context, self._metadata, home, catalog.file)

    def create_pipeline_job(self, request: Any) -> Any:
        """Check a job and submit it; its state is PENDING, or QUEUED while other jobs run.

        Raises InvalidArgument, also for features that the sandbox does not have, NotFound for an
        input artifact, and AlreadyExists.
        """
        return self._create(self._checked(request), request.pipeline_job_id)

    def check_pipeline_job(self, request: Any) -> None:
        """Raise what create_pipeline_job would raise now, but AlreadyExists."""
        self._checked(request)

    def create_scheduled_job(
        self, request: Any, schedule_name: str, time: datetime, record: Callable[[Any], None]
    ) -> Any:
        """As create_pipeline_job, for the run of a schedule at `time`.

        The job's id follows from both, so that a time has one job at most; it is also the display
        name of a job without one. `record` is called with the job in the transaction that stores
        it: if it raises, there is no job.
        """
        checked = self._checked(request)
        job_id = requests.run_id(checked.spec, schedule_name, time)
        return self._create(checked, job_id, schedule_name, record)

    def is_unfinished(self, name: str) -> bool:
        """Whether there is a job of this name that has not ended."""
        job: Any = self._context.store.get(PipelineJob, name)
        return job is not None and job.state not in FINAL_JOB_STATES

    def get_pipeline_job(self, request: Any) -> Any:
        """The current job. Raises InvalidArgument, NotFound."""
        return self._registry.get(self._name(request.name))

    def list_pipeline_jobs(self, request: Any) -> Any:
        """A page of jobs, without their details. Raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        jobs = self._context.store.list(PipelineJob, f"{parent}/pipelineJobs/")
        return list_jobs(jobs, request)

    def cancel_pipeline_job(self, request: Any) -> None:
        """Start to cancel a job. Raises InvalidArgument, NotFound, FailedPrecondition."""
        self._registry.cancel(self._name(request.name))

    def delete_pipeline_job(self, request: Any) -> Any:
        """Start to delete a finished job; its artifacts stay.

        Raises InvalidArgument, NotFound, and FailedPrecondition while it runs.
        """
        name = self._name(request.name)
        self._registry.require_finished(name)

        def finish() -> None:
            self._registry.require_finished(name)
            self._registry.delete(name)

        return self._context.start(name, types.DeleteOperationMetadata(), finish, alone=True)

    def batch_delete_pipeline_jobs(self, request: Any) -> Any:
        """Start to delete all of these jobs, or none.

        Raises InvalidArgument, NotFound, and FailedPrecondition while one of them runs.
        """
        parent, names = self._batch(request)
        for name in names:
            self._registry.require_finished(name)

        def finish() -> Any:
            jobs = [self._registry.require_finished(name) for name in names]
            for name in names:
                self._registry.delete(name)
            return types.BatchDeletePipelineJobsResponse(pipeline_jobs=jobs)

        return self._context.start(parent, types.DeleteOperationMetadata(), finish, alone=True)

    def batch_cancel_pipeline_jobs(self, request: Any) -> Any:
        """Start to cancel all of these jobs.

        Finished jobs do not change (BatchCancelPipelineJobs in pipeline_service.proto). Raises
        InvalidArgument, NotFound.
        """
        parent, names = self._batch(request)
        for name in names:
            self._registry.get(name)

        def finish() -> Any:
            jobs = [self._registry.get(name) for name in names]
            return types.BatchCancelPipelineJobsResponse(pipeline_jobs=jobs)

        metadata = types.BatchCancelPipelineJobsOperationMetadata()
        operation = self._context.start(parent, metadata, finish, alone=True)
        for name in names:
            with suppress(FailedPrecondition):
                self._registry.cancel(name)
        return operation

    def close(self) -> None:
        """End the running jobs, which then have failed, and wait for them."""
        self._registry.close()

    def _checked(self, request: Any) -> _Checked:
        parent = self._context.names.parent(request.parent)
        if request.pipeline_job_id:
            requests.check_id(request.pipeline_job_id)
        template = request.pipeline_job
        requests.check_job(template)
        content = requests.content_of(template)
        spec = requests.parse_spec(content, self._catalog)
        parameters = requests.runtime_parameters(spec, template)
        artifacts = requests.input_artifacts(
            spec, template, lambda artifact_id: self._metadata.get(parent, artifact_id)
        )
        return _Checked(parent, template, content, spec, parameters, artifacts)

    def _create(
        self,
        checked: _Checked,
        job_id: str,
        schedule_name: str = "",
        record: Callable[[Any], None] = lambda _: None,
    ) -> Any:
        now = self._context.clock()
        uid = random.getrandbits(62)
        job: Any = PipelineJob(checked.template)  # a copy
        for output_only in (
            *("create_time", "start_time", "end_time", "update_time", "state"),
            *("job_detail", "error", "schedule_name", "template_metadata"),
        ):
            setattr(job, output_only, None)
        job.schedule_name = schedule_name
        if schedule_name and not job.display_name:
            job.display_name = job_id
        # Vertex AI sets this account and label (pipeline_job.proto).
        account = f"{self._context.names.number}-compute@developer.gserviceaccount.com"
        job.service_account = job.service_account or account
        job.labels["vertex-ai-pipelines-run-billing-id"] = str(uid)

        with self._context.store.transaction():
            default_id = requests.new_id(checked.spec, now)
            job.name = self._new_name(checked.parent, job_id, default_id)
            record(job)
            run = Job(
                name=job.name,
                uid=uid,
                spec=checked.content,
                parameters=checked.parameters,
                artifacts=checked.artifacts,
                root=job.runtime_config.gcs_output_directory.rstrip("/"),
                create_time=f"{now:%Y-%m-%dT%H:%M:%SZ}",
                fail_fast=job.runtime_config.failure_policy
                == PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST,
                labels=dict(job.labels),
                failing=list(self._failing_tasks()),
            )
            self._registry.add(job, run)
        if self._registry.submit(job.name):
            job.state = PipelineState.PIPELINE_STATE_PENDING
        return job

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

    def _new_name(self, parent: str, job_id: str, default_id: str) -> str:
        name = f"{parent}/pipelineJobs/{job_id or default_id}"
        number = 1
        while self._context.store.get(PipelineJob, name) is not None:
            if job_id:
                raise AlreadyExists(f"The PipelineJob {name} already exists.")
            number += 1
            name = f"{parent}/pipelineJobs/{default_id}-{number}"
        return name
