"""Pipeline jobs in the store, updated by the events of their runners."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1.types import PipelineJob, PipelineState

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import FailedPrecondition, NotFound
from sandbox.vertex.http.resource_names import parent_of
from sandbox.vertex.pipelines.jobs import job_messages
from sandbox.vertex.pipelines.jobs.metadata import Metadata
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES
from sandbox.vertex.pipelines.jobs.supervisor import LOG, Listener, Supervisor, end_leftover
from sandbox.vertex.pipelines.protocol.events import Problem, Question, RunEvent, TaskEvent
from sandbox.vertex.pipelines.protocol.job import Job

_STOPPED: Final = "the sandbox stopped while the job ran; submit it again with another id"
_State: Any = PipelineState


class JobRegistry:
    """Pipeline jobs in the store, and the processes that run them. Thread-safe."""

    def __init__(self, context: Context, metadata: Metadata, home: Path, images: Path) -> None:
        """`home` contains a folder for each job (LOCATION/JOB) with its logs, `images` is the file
        of further images, which may be missing.

        Of the jobs that a previous server left, those that were waiting are submitted again, and
        those that were running have failed.
        """
        self._store = context.store
        self._clock = context.clock
        self._metadata = metadata
        self._home = home.resolve()  # the runner has another current folder
        self._closing = False
        self._outcomes: dict[str, RunEvent] = {}
        listener = Listener(
            self._on_ready, self._on_start, self._on_event, self._on_question, self._on_exit
        )
        self._supervisor = Supervisor(
            listener, self._home / "environments", context.names.project, images.resolve()
        )
        self._recover()

    def get(self, name: str) -> Any:
        """The current job. Raises NotFound."""
        job = self._store.get(PipelineJob, name)
        if job is None:
            raise NotFound(f"The PipelineJob {name} does not exist.")
        return job

    def add(self, job: Any, run: Job) -> None:
        """Store a new job, and write the file for its runner; `submit` it afterwards."""
        job_messages.move(job, _State.PIPELINE_STATE_QUEUED, self._clock())
        job.create_time = job.update_time
        folder = self._folder(job.name)
        folder.mkdir(parents=True, exist_ok=True)
        run.write(folder)
        self._store.put(job.name, job)

    def submit(self, name: str) -> bool:
        """Run the job when there is room; returns whether it can start now."""
        return self._supervisor.submit(name, self._folder(name))

    def cancel(self, name: str) -> None:
        """Cancel the job: at once while it is queued, later while it runs.

        Raises NotFound, and FailedPrecondition for a finished job, for which Google's behaviour is
        not documented. A job that is CANCELLING does not change.
        """
        with self._store.transaction():
            job = self.get(name)
            if job.state in FINAL_JOB_STATES:
                raise FailedPrecondition(
                    f"The PipelineJob {name} is {job.state.name} and cannot be cancelled."
                )
            if job.state == _State.PIPELINE_STATE_CANCELLING:
                return
            now = self._clock()
            if job.state == _State.PIPELINE_STATE_QUEUED:
                job_messages.move(job, _State.PIPELINE_STATE_CANCELLED, now, job_messages.CANCELLED)
            else:
                job_messages.move(job, _State.PIPELINE_STATE_CANCELLING, now)
            self._store.put(name, job)
        self._supervisor.end(name)

    def require_finished(self, name: str) -> Any:
        """A finished job. Raises NotFound, FailedPrecondition if it is not finished."""
        job = self.get(name)
        if job.state not in FINAL_JOB_STATES:
            raise FailedPrecondition(
                f"The PipelineJob {name} is {job.state.name} and cannot be deleted; cancel it "
                "first, or wait for its end."
            )
        return job

    def delete(self, name: str) -> None:
        """Delete the job and its logs; its objects in Cloud Storage stay."""
        self._store.delete(PipelineJob, name)
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def close(self) -> None:
        """End the running jobs, which then have failed, and wait for them."""
        self._closing = True
        self._supervisor.close()

    @contextmanager
    def _unfinished(self, name: str) -> Iterator[Any]:
        """A transaction that stores the job after a change; None if the job has ended."""
        with self._store.transaction():
            job = self._store.get(PipelineJob, name)
            if job is None or job.state in FINAL_JOB_STATES:
                yield None
            else:
                yield job
                self._store.put(name, job)

    def _on_ready(self, name: str) -> bool:
        with self._unfinished(name) as job:
            if job is not None and job.state == _State.PIPELINE_STATE_QUEUED:
                job_messages.move(job, _State.PIPELINE_STATE_PENDING, self._clock())
            return job is not None

    def _on_start(self, name: str) -> bool:
        with self._unfinished(name) as job:
            if job is not None and job.state == _State.PIPELINE_STATE_PENDING:
                job_messages.move(job, _State.PIPELINE_STATE_RUNNING, self._clock())
                return True
        self._end(name, "")  # cancelled meanwhile
        return False

    def _on_event(self, name: str, event: TaskEvent | RunEvent) -> None:
        if isinstance(event, RunEvent):
            self._outcomes[name] = event  # the job ends when its process ends
            return
        with self._unfinished(name) as job:
            if job is not None:
                job_messages.apply(job, event, self._clock(), self._metadata.message)
                if event.cache_key and event.state == "SUCCEEDED":
                    self._metadata.cache(parent_of(name), event)

    def _on_question(self, name: str, question: Question) -> Any:
        match question.kind:
            case "cache":
                return self._metadata.cached(parent_of(name), question.about["key"])
            case "artifact":
                return self._metadata.same_artifact(parent_of(name), **question.about)
        raise ValueError(f"unknown kind of a runner's question: {question.kind!r}")

    def _on_exit(self, name: str, code: int) -> None:
        folder = self._folder(name)
        shutil.rmtree(folder / "gcs", ignore_errors=True)  # everything is in Cloud Storage
        outcome = self._outcomes.pop(name, None)
        if outcome is None:
            reason = f"the job's process ended early with status {code}: see {folder / LOG}"
            self._end(name, _STOPPED if self._closing else reason)
            return
        with self._unfinished(name) as job:
            if job is not None:
                job_messages.finish(job, outcome, self._clock())

    def _end(self, name: str, reason: str) -> None:
        with self._unfinished(name) as job:
            if job is None:
                return
            state = _State.PIPELINE_STATE_FAILED
            problem = Problem(13, f"Internal error: {reason}.")
            if job.state == _State.PIPELINE_STATE_CANCELLING:
                state, problem = _State.PIPELINE_STATE_CANCELLED, job_messages.CANCELLED
            job_messages.move(job, state, self._clock(), problem)

    def _recover(self) -> None:
        waiting = (_State.PIPELINE_STATE_QUEUED, _State.PIPELINE_STATE_PENDING)
        for job in reversed(self._store.list(PipelineJob, "projects/")):
            if job.state in waiting:
                self._supervisor.submit(job.name, self._folder(job.name))
            elif job.state not in FINAL_JOB_STATES:
                end_leftover(self._folder(job.name))
                self._end(job.name, _STOPPED)

    def _folder(self, name: str) -> Path:
        _, _, _, location, _, job_id = name.split("/")
        return self._home / location / job_id
