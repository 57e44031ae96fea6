"""The calls of Google's PipelineService that have to do with jobs."""

import random
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1.types import (
    CancelPipelineJobRequest,
    CreatePipelineJobRequest,
    GetPipelineJobRequest,
    ListPipelineJobsRequest,
    ListPipelineJobsResponse,
    PipelineFailurePolicy,
    PipelineJob,
    PipelineState,
)

from sandbox.vertex.clock import Clock
from sandbox.vertex.errors import AlreadyExists, FailedPrecondition, NotFound
from sandbox.vertex.names import Names
from sandbox.vertex.pipelines import details, requests
from sandbox.vertex.pipelines.events import Problem, RunEvent, TaskEvent
from sandbox.vertex.pipelines.job import Job
from sandbox.vertex.pipelines.listing import list_jobs
from sandbox.vertex.pipelines.supervisor import LOG, Listener, Supervisor, end_left_over
from sandbox.vertex.store import Store

_STOPPED = "the sandbox stopped while the job ran; submit it anew under another id"
_CANCELLED = Problem(1, "The pipeline job was cancelled.")


class PipelineService:
    """Pipeline jobs, kept in the store and run in child processes. Safe to call from threads."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        home: Path,
        project: str,
        number: str,
        failing_tasks: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`home` gets a folder a job (LOCATION/JOB, with its logs); `number` is the project's.

        `failing_tasks` is asked whenever a job is made: its components of these names will fail.

        Jobs that an earlier server left waiting are taken up; those that ran have failed.
        """
        self._store = store
        self._clock = clock
        self._home = home.resolve()  # the runner has another current folder
        self._names = Names(project, number)
        self._failing_tasks = failing_tasks
        self._closing = False
        listener = Listener(self._on_start, self._on_event, self._on_exit)
        self._supervisor = Supervisor(listener, self._home / "environments", project)
        self._recover()

    def create_pipeline_job(self, request: CreatePipelineJobRequest) -> PipelineJob:
        """Check the job and queue it. It is PENDING then.

        Raises InvalidArgument, for all that the sandbox cannot run too, and AlreadyExists.
        """
        parent = self._names.parent(request.parent)
        if request.pipeline_job_id:
            requests.check_id(request.pipeline_job_id)
        asked = request.pipeline_job
        requests.check_job(asked)
        content = requests.content_of(asked)
        spec = requests.parse_spec(content)
        parameters = requests.runtime_parameters(spec, asked)
        now = self._clock()
        uid = random.getrandbits(62)
        job: Any = PipelineJob(asked)
        for output_only in ("start_time", "end_time", "job_detail", "error", "schedule_name"):
            setattr(job, output_only, None)
        job.state = PipelineState.PIPELINE_STATE_PENDING
        job.create_time = job.update_time = now
        # Google sets this one itself (pipeline_job.proto, PipelineJob.labels).
        job.labels["vertex-ai-pipelines-run-billing-id"] = str(uid)
        with self._store.transaction():
            made = requests.new_id(spec, now)
            job.name = self._new_name(parent, request.pipeline_job_id, made)
            folder = self._folder(job.name)
            folder.mkdir(parents=True, exist_ok=True)
            Job(
                name=job.name,
                uid=uid,
                spec=content,
                parameters=parameters,
                root=asked.runtime_config.gcs_output_directory.rstrip("/"),
                create_time=f"{now:%Y-%m-%dT%H:%M:%SZ}",
                fail_fast=asked.runtime_config.failure_policy
                == PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST,
                labels=dict(job.labels),
                failing=list(self._failing_tasks()),
            ).write(folder)
            self._store.put(job.name, job)
        self._supervisor.submit(job.name, folder)
        return job  # type: ignore[no-any-return]

    def get_pipeline_job(self, request: GetPipelineJobRequest) -> PipelineJob:
        """The job as it is now. Raises NotFound."""
        name = self._names.resource(request.name, "pipelineJobs", "name")
        job = self._store.get(PipelineJob, name)
        if job is None:
            raise NotFound(f"The PipelineJob {name} does not exist.")
        return job

    def list_pipeline_jobs(self, request: ListPipelineJobsRequest) -> ListPipelineJobsResponse:
        """A page of jobs, without their details. Raises InvalidArgument."""
        parent = self._names.parent(request.parent)
        jobs = self._store.list(PipelineJob, f"{parent}/pipelineJobs/")
        return list_jobs(jobs, request)

    def cancel_pipeline_job(self, request: CancelPipelineJobRequest) -> None:
        """Have the job end; it does so later, CANCELLING until then.

        A job that is over raises FailedPrecondition: what Google says then is not documented,
        and this is the stricter of what it may. One that is CANCELLING already is left alone.
        """
        with self._store.transaction():
            job = self.get_pipeline_job(GetPipelineJobRequest(name=request.name))
            if job.state in details.FINAL:
                raise FailedPrecondition(
                    f"The PipelineJob {job.name} is {job.state.name} and cannot be cancelled."
                )
            waiting = job.state == PipelineState.PIPELINE_STATE_PENDING
            if waiting:
                cancelled: Any = PipelineState.PIPELINE_STATE_CANCELLED
                details.end(job, cancelled, self._clock(), _CANCELLED)
            else:
                details.cancel(job, self._clock())
            self._store.put(job.name, job)
        if not waiting:
            self._supervisor.end(job.name)

    def close(self) -> None:
        """End the running jobs, which have failed then, and wait for it."""
        self._closing = True
        self._supervisor.close()

    def _on_start(self, name: str) -> bool:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state != PipelineState.PIPELINE_STATE_PENDING:
                return False
            details.start(job, self._clock())
            self._store.put(name, job)
            return True

    def _on_event(self, name: str, event: TaskEvent | RunEvent) -> None:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is not None and job.state not in details.FINAL:
                details.apply(job, event, self._clock())
                self._store.put(name, job)

    def _on_exit(self, name: str, code: int) -> None:
        folder = self._folder(name)
        shutil.rmtree(folder / "gcs", ignore_errors=True)  # all of it is in Cloud Storage
        why = f"the job's process ended early with status {code}: see {folder / LOG}"
        self._end(name, _STOPPED if self._closing else why)

    def _end(self, name: str, why: str) -> None:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state in details.FINAL:
                return
            if job.state == PipelineState.PIPELINE_STATE_CANCELLING:
                cancelled: Any = PipelineState.PIPELINE_STATE_CANCELLED
                details.end(job, cancelled, self._clock(), _CANCELLED)
            else:
                failed = PipelineState.PIPELINE_STATE_FAILED
                details.end(job, failed, self._clock(), Problem(13, f"Internal error: {why}."))
            self._store.put(name, job)

    def _recover(self) -> None:
        for job in reversed(self._store.list(PipelineJob, "projects/")):
            if job.state == PipelineState.PIPELINE_STATE_PENDING:
                self._supervisor.submit(job.name, self._folder(job.name))
            elif job.state not in details.FINAL:
                end_left_over(self._folder(job.name))
                self._end(job.name, _STOPPED)

    def _new_name(self, parent: str, asked: str, made: str) -> str:
        name = f"{parent}/pipelineJobs/{asked or made}"
        number = 1
        while self._store.get(PipelineJob, name) is not None:
            if asked:
                raise AlreadyExists(f"The PipelineJob {name} already exists.")
            number += 1
            name = f"{parent}/pipelineJobs/{made}-{number}"
        return name

    def _folder(self, name: str) -> Path:
        _, _, _, location, _, job_id = name.split("/")
        return self._home / location / job_id
