"""Batch prediction jobs in the store, and the threads that run them."""

import logging
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from google.cloud.aiplatform_v1.types import BatchPredictionJob
from google.rpc import status_pb2

from sandbox.vertex.batch.opening import Services
from sandbox.vertex.batch.run import Run, Served
from sandbox.vertex.batch.states import FINAL_STATES, JOB, State
from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import (
    ApiError,
    Cancelled,
    FailedPrecondition,
    Internal,
    NotFound,
    Unavailable,
)
from sandbox.vertex.operations.transitions import advance

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 2
_STOPPED: Final = "The sandbox stopped while the job ran; create it again."
_CANCELLED: Final = "The job was cancelled."


class JobRegistry:
    """The jobs of a server, two of which run at a time, in their order. Thread-safe.

    Of the jobs that a previous server left, those that were QUEUED are run, and those that had
    begun have failed: their tables may be there.
    """

    def __init__(
        self, context: Context, services: Services, served: Callable[[Any], Served]
    ) -> None:
        """`served` returns what a job serves, when it starts; it may raise an ApiError."""
        self._store = context.store
        self._clock = context.clock
        self._services = services
        self._served = served
        self._runs: dict[str, Run] = {}
        self._closing = False
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="vertex-batch")
        shutil.rmtree(services.folder, ignore_errors=True)
        self._recover()

    def get(self, name: str) -> Any:
        """The current job; raises NotFound."""
        job = self._store.get(BatchPredictionJob, name)
        if job is None:
            raise NotFound(f"BatchPredictionJob {name} is not found; list those of its location.")
        return job

    def add(self, job: Any) -> None:
        """Store a new job, and run it when there is room."""
        with self._store.transaction():
            _move(job, State.JOB_STATE_QUEUED, self._clock())
            job.create_time = job.update_time
            self._store.put(job.name, job)
            self._store.after_commit(lambda: self._submit(job.name))

    def cancel(self, name: str) -> None:
        """Cancel the job: at once while it is queued, later while it runs.

        Raises NotFound, and FailedPrecondition for a finished job.
        """
        with self._store.transaction():
            job = self.get(name)
            if job.state in FINAL_STATES:
                raise FailedPrecondition(
                    f"BatchPredictionJob {name} is {job.state.name} and cannot be cancelled."
                )
            if job.state == State.JOB_STATE_QUEUED:
                _end(job, State.JOB_STATE_CANCELLED, self._clock(), Cancelled(_CANCELLED))
            elif job.state != State.JOB_STATE_CANCELLING:
                _move(job, State.JOB_STATE_CANCELLING, self._clock())
            self._store.put(name, job)
            run = self._runs.get(name)
        if run is not None:
            run.cancel()

    def require_finished(self, name: str) -> None:
        """Raise NotFound, or FailedPrecondition while the job is not finished."""
        job = self.get(name)
        if job.state not in FINAL_STATES:
            raise FailedPrecondition(
                f"BatchPredictionJob {name} is {job.state.name} and cannot be deleted; cancel it "
                "first, or wait for its end."
            )

    def delete(self, name: str) -> None:
        """Delete the job; its output stays."""
        self._store.delete(BatchPredictionJob, name)

    def close(self) -> None:
        """Stop the running jobs, which then have failed, and wait for them."""
        with self._store.transaction():
            self._closing = True
            runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _submit(self, name: str) -> None:
        if not self._closing:
            self._workers.submit(self._run, name)

    def _run(self, name: str) -> None:
        try:
            run = self._begin(name)
            if run is None:
                return
            error: ApiError | None = None
            try:
                run.execute(lambda: self._running(name))
            except ApiError as raised:
                error = raised
            except Exception as raised:
                _LOG.exception("%s failed", name)
                error = Internal(f"The sandbox failed: {raised!r}; its log has the traceback.")
            self._finish(name, run, error)
        except Exception:
            _LOG.exception("%s cannot be stored", name)

    def _begin(self, name: str) -> Run | None:
        """The run of a job that is now PENDING; None if it was cancelled, or has failed."""
        with self._unfinished(name) as job:
            if job is None or self._closing:
                return None
            _move(job, State.JOB_STATE_PENDING, self._clock())
            try:
                run = Run(self._services, BatchPredictionJob(job), self._served(job))
            except ApiError as error:  # the model was deleted
                _end(job, State.JOB_STATE_FAILED, self._clock(), error)
                return None
            self._runs[name] = run
            return run

    def _running(self, name: str) -> None:
        with self._unfinished(name) as job:
            if job is not None and job.state == State.JOB_STATE_PENDING:
                _move(job, State.JOB_STATE_RUNNING, self._clock())

    def _finish(self, name: str, run: Run, error: ApiError | None) -> None:
        with self._unfinished(name) as job:
            self._runs.pop(name, None)
            if job is None:
                return
            cancelling = job.state == State.JOB_STATE_CANCELLING
            if isinstance(error, Cancelled) and not cancelling:
                error = Unavailable(_STOPPED)
            outcome, stats = run.outcome, job.completion_stats
            stats.successful_count = outcome.successful
            stats.failed_count = outcome.failed
            # What was not read is not counted.
            complete = error is None or outcome.output_info is not None
            stats.incomplete_count = 0 if complete else -1
            job.resources_consumed.replica_hours = outcome.replica_seconds / 3600
            if outcome.output_info is not None:
                job.output_info = outcome.output_info
            job.partial_failures = [_status(one) for one in outcome.failures]
            state = State.JOB_STATE_SUCCEEDED
            if error is not None:
                cancelled = isinstance(error, Cancelled)
                state = State.JOB_STATE_CANCELLED if cancelled else State.JOB_STATE_FAILED
            _end(job, state, self._clock(), error)

    @contextmanager
    def _unfinished(self, name: str) -> Iterator[Any]:
        """A transaction that stores the job after a change; None if it has ended."""
        with self._store.transaction():
            job = self._store.get(BatchPredictionJob, name)
            if job is None or job.state in FINAL_STATES:
                yield None
            else:
                yield job
                self._store.put(name, job)

    def _recover(self) -> None:
        for job in reversed(self._store.list(BatchPredictionJob, "projects/")):
            if job.state == State.JOB_STATE_QUEUED:
                self._submit(job.name)
            elif job.state not in FINAL_STATES:
                cancelling = job.state == State.JOB_STATE_CANCELLING
                state = State.JOB_STATE_CANCELLED if cancelling else State.JOB_STATE_FAILED
                error = Cancelled(_CANCELLED) if cancelling else Unavailable(_STOPPED)
                job.completion_stats.incomplete_count = -1
                _end(job, state, self._clock(), error)
                self._store.put(job.name, job)


def _move(job: Any, state: Any, now: Any) -> None:
    """Change the state and the times that belong to it, which never decrease."""
    job.state = advance(JOB, job.state, state)
    job.update_time = max(now, job.update_time) if job.update_time else now
    if state == State.JOB_STATE_RUNNING:
        job.start_time = job.update_time
    if state in FINAL_STATES:
        job.end_time = job.update_time


def _end(job: Any, state: Any, now: Any, error: ApiError | None) -> None:
    _move(job, state, now)
    if error is not None and state != State.JOB_STATE_SUCCEEDED:
        job.error = _status(error)


def _status(error: ApiError) -> Any:
    return status_pb2.Status(code=error.code, message=error.message)
