"""Jobs on their way: what their runners tell goes into the store, what they ask is answered."""

import shutil
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1.types import PipelineJob, PipelineState

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import FailedPrecondition, NotFound
from sandbox.vertex.http.resource_names import parent_of
from sandbox.vertex.pipelines.jobs import job_messages as details
from sandbox.vertex.pipelines.jobs.metadata import Metadata
from sandbox.vertex.pipelines.jobs.states import JOB_OVER
from sandbox.vertex.pipelines.jobs.supervisor import LOG, Listener, Supervisor, end_left_over
from sandbox.vertex.pipelines.protocol.events import Problem, Question, RunEvent, TaskEvent
from sandbox.vertex.pipelines.protocol.job import Job

_STOPPED: Final = "the sandbox stopped while the job ran; submit it anew under another id"
_State: Any = PipelineState


class JobRegistry:
    """Pipeline jobs in the store, and the processes that run them. Safe to call from threads."""

    def __init__(self, context: Context, metadata: Metadata, home: Path) -> None:
        """`home` gets a folder a job (LOCATION/JOB, with its logs).

        Jobs that an earlier server left waiting are taken up; those that ran have failed.
        """
        self._store = context.store
        self._clock = context.clock
        self._metadata = metadata
        self._home = home.resolve()  # the runner has another current folder
        self._closing = False
        self._outcomes: dict[str, RunEvent] = {}
        listener = Listener(
            self._on_room, self._on_start, self._on_event, self._on_question, self._on_exit
        )
        self._supervisor = Supervisor(listener, self._home / "environments", context.names.project)
        self._recover()

    def get(self, name: str) -> Any:
        """The job as it is now. Raises NotFound."""
        job = self._store.get(PipelineJob, name)
        if job is None:
            raise NotFound(f"The PipelineJob {name} does not exist.")
        return job

    def keep(self, job: Any, run: Job) -> None:
        """A new job, in the store and with what its runner needs; `begin` it after that."""
        details.move(job, _State.PIPELINE_STATE_QUEUED, self._clock())
        job.create_time = job.update_time
        folder = self._folder(job.name)
        folder.mkdir(parents=True, exist_ok=True)
        run.write(folder)
        self._store.put(job.name, job)

    def begin(self, name: str) -> bool:
        """Run the job as soon as there is room, and say whether there is some now."""
        return self._supervisor.submit(name, self._folder(name))

    def cancel(self, name: str) -> None:
        """Have the job end. One that waits does so at once, any other later.

        Raises NotFound, and FailedPrecondition when it is over: what Google says then is not
        documented, and this is the stricter of what it may. One that is CANCELLING already is
        left alone.
        """
        with self._store.transaction():
            job = self.get(name)
            if job.state in JOB_OVER:
                raise FailedPrecondition(
                    f"The PipelineJob {name} is {job.state.name} and cannot be cancelled."
                )
            if job.state == _State.PIPELINE_STATE_CANCELLING:
                return
            now = self._clock()
            if job.state == _State.PIPELINE_STATE_QUEUED:
                details.move(job, _State.PIPELINE_STATE_CANCELLED, now, details.CANCELLED)
            else:
                details.move(job, _State.PIPELINE_STATE_CANCELLING, now)
            self._store.put(name, job)
        self._supervisor.end(name)

    def must_be_over(self, name: str) -> Any:
        """The job, which may be deleted. Raises NotFound, FailedPrecondition."""
        job = self.get(name)
        if job.state not in JOB_OVER:
            raise FailedPrecondition(
                f"The PipelineJob {name} is {job.state.name} and cannot be deleted; cancel it "
                "first, or wait for its end."
            )
        return job

    def delete(self, name: str) -> None:
        """Forget the job and its logs; what it made in Cloud Storage stays."""
        self._store.delete(PipelineJob, name)
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def close(self) -> None:
        """End the running jobs, which have failed then, and wait for it."""
        self._closing = True
        self._supervisor.close()

    def _on_room(self, name: str) -> bool:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state in JOB_OVER:
                return False
            if job.state == _State.PIPELINE_STATE_QUEUED:
                details.move(job, _State.PIPELINE_STATE_PENDING, self._clock())
                self._store.put(name, job)
            return True

    def _on_start(self, name: str) -> bool:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state != _State.PIPELINE_STATE_PENDING:
                self._end(name, "")  # cancelled meanwhile
                return False
            details.move(job, _State.PIPELINE_STATE_RUNNING, self._clock())
            self._store.put(name, job)
            return True

    def _on_event(self, name: str, event: TaskEvent | RunEvent) -> None:
        if isinstance(event, RunEvent):
            self._outcomes[name] = event  # the job is over when its processes are
            return
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state in JOB_OVER:
                return
            details.apply(job, event, self._clock(), self._metadata.message)
            if event.cache_key and event.state == "SUCCEEDED":
                self._metadata.keep(parent_of(name), event)
            self._store.put(name, job)

    def _on_question(self, name: str, question: Question) -> Any:
        match question.kind:
            case "cache":
                return self._metadata.reuse(parent_of(name), question.about["key"])
            case "artifact":
                return self._metadata.alike(parent_of(name), **question.about)
        raise ValueError(f"a runner asked for {question.kind!r}, which nobody knows")

    def _on_exit(self, name: str, code: int) -> None:
        folder = self._folder(name)
        shutil.rmtree(folder / "gcs", ignore_errors=True)  # all of it is in Cloud Storage
        outcome = self._outcomes.pop(name, None)
        if outcome is None:
            why = f"the job's process ended early with status {code}: see {folder / LOG}"
            self._end(name, _STOPPED if self._closing else why)
            return
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is not None and job.state not in JOB_OVER:
                details.finish(job, outcome, self._clock())
                self._store.put(name, job)

    def _end(self, name: str, why: str) -> None:
        with self._store.transaction():
            job: Any = self._store.get(PipelineJob, name)
            if job is None or job.state in JOB_OVER:
                return
            if job.state == _State.PIPELINE_STATE_CANCELLING:
                cancelled = _State.PIPELINE_STATE_CANCELLED
                details.move(job, cancelled, self._clock(), details.CANCELLED)
            else:
                failed = _State.PIPELINE_STATE_FAILED
                details.move(job, failed, self._clock(), Problem(13, f"Internal error: {why}."))
            self._store.put(name, job)

    def _recover(self) -> None:
        waiting = (_State.PIPELINE_STATE_QUEUED, _State.PIPELINE_STATE_PENDING)
        for job in reversed(self._store.list(PipelineJob, "projects/")):
            if job.state in waiting:
                self._supervisor.submit(job.name, self._folder(job.name))
            elif job.state not in JOB_OVER:
                end_left_over(self._folder(job.name))
                self._end(job.name, _STOPPED)

    def _folder(self, name: str) -> Path:
        _, _, _, location, _, job_id = name.split("/")
        return self._home / location / job_id
