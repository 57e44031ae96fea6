"""Starts the runs of schedules when they are due."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

from google.cloud.aiplatform_v1.types import PipelineJob, Schedule

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import ApiError, Internal
from sandbox.vertex.schedules import timetable
from sandbox.vertex.schedules.timetable import Action

_LOG: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.25


class Pipelines(Protocol):
    """What runs need of PipelineService."""

    def create_scheduled_job(
        self, request: Any, schedule_name: str, time: datetime, record: Callable[[Any], None]
    ) -> Any:
        """Create the job of a time, and call `record` with it in the same transaction.

        Raises ApiError, also if that time has a job.
        """

    def is_unfinished(self, name: str) -> bool:
        """Whether there is a job of this name that has not ended."""


class _Overtaken(Exception):
    """The schedule was changed before its run was stored."""


class Runs:
    """The stored schedules, and their runs that are due. Thread-safe.

    `settle` is called by requests, so that a client sees every run that is due, and by a thread,
    which exists from the first schedule on. The job of a run and the schedule's next time are one
    transaction: no time has two runs, whenever the server ends.
    """

    def __init__(self, context: Context, pipelines: Pipelines) -> None:
        self._store = context.store
        self._clock = context.clock
        self._pipelines = pipelines
        self._attention: dict[str, datetime] = {}
        self._waiting: set[str] = set()
        """Schedules that wait for the end of a job, of which only the thread asks."""
        self._jobs: dict[str, set[str]] = {}
        """The jobs of each schedule, without some that have ended."""
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        schedules = self._store.list(Schedule, "projects/")
        for job in self._store.list(PipelineJob, "projects/") if schedules else ():
            if job.schedule_name and pipelines.is_unfinished(job.name):
                self._jobs.setdefault(job.schedule_name, set()).add(job.name)
        for schedule in schedules:
            self._watch(schedule)

    def save(self, schedule: Any) -> None:
        """Store a schedule, completed if it has ended; call it inside a transaction."""
        if timetable.action(schedule, self._clock(), 0) == Action.COMPLETE:
            timetable.complete(schedule)
        self._store.put(schedule.name, schedule)
        self._store.after_commit(lambda: self._watch(schedule))

    def delete(self, name: str) -> None:
        """Delete a schedule; call it inside a transaction."""
        self._store.delete(Schedule, name)
        self._store.after_commit(lambda: self._forget(name))

    def settle(self) -> bool:
        """Start the runs that are due, of each schedule at most `max_concurrent_run_count`.

        Returns whether it did anything. Errors of a run are recorded in its schedule.
        """
        if not self._attention or not self._due():
            return False
        with self._turn:
            done = False
            for name in self._due():
                try:
                    done = self._settle(name) or done
                except Exception:  # a bug in the sandbox, which must not fail someone's request
                    _LOG.exception("cannot start the runs of %s", name)
                    self._waiting.add(name)
            return done

    def close(self) -> None:
        """Start no more runs."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _due(self) -> list[str]:
        now = self._clock()
        # copy() is atomic: other threads add and remove schedules.
        times = self._attention.copy().items()
        return [name for name, time in times if time <= now and name not in self._waiting]

    def _settle(self, name: str) -> bool:
        done, starts = False, 0
        while True:
            with self._store.transaction():
                schedule: Any = self._store.get(Schedule, name)
                if schedule is None:
                    return done
                now = self._clock()
                step = timetable.action(schedule, now, self._active(schedule))
                match step:
                    case Action.WAIT:
                        self._waiting.add(name)
                    case Action.SKIP:
                        _respond(schedule, "SKIPPED: as many jobs run as are allowed at a time.")
                        timetable.move_on(schedule, now)
                        self.save(schedule)
                    case Action.COMPLETE:
                        self.save(schedule)
                    case Action.START:
                        if timetable.leave_out_oldest(schedule, now):
                            self._store.put(name, schedule)
            if step != Action.START:
                return done or step in (Action.SKIP, Action.COMPLETE)
            if starts == schedule.max_concurrent_run_count or self._closed.is_set():
                return done
            self._start(schedule)
            starts, done = starts + 1, True

    def _start(self, schedule: Any) -> None:
        # Not in a transaction: the supervisor of the jobs takes its own lock first.
        time = schedule.next_run_time
        try:
            self._pipelines.create_scheduled_job(
                schedule.create_pipeline_job_request,
                schedule.name,
                time,
                lambda job: self._record(schedule, job.name, job.name),
            )
        except _Overtaken:
            return
        except ApiError as error:
            self._fail(schedule, error)
        except Exception as error:
            _LOG.exception("cannot start the run of %s at %s", schedule.name, time)
            self._fail(schedule, Internal(f"The sandbox failed: {error!r}"))

    def _fail(self, schedule: Any, error: ApiError) -> None:
        with suppress(_Overtaken), self._store.transaction():
            self._record(schedule, f"{error.status}: {error.message}")

    def _record(self, schedule: Any, response: str, job: str = "") -> None:
        """Note what became of the next run, and move on; raises _Overtaken."""
        current: Any = self._store.get(Schedule, schedule.name)
        if current != schedule:
            raise _Overtaken
        _respond(current, response)
        if job:
            current.started_run_count += 1
            self._jobs.setdefault(current.name, set()).add(job)
        timetable.move_on(current, current.next_run_time)
        self.save(current)

    def _active(self, schedule: Any) -> int:
        if not schedule.max_concurrent_active_run_count:
            return 0
        jobs = self._jobs.get(schedule.name, set())
        jobs -= {name for name in jobs if not self._pipelines.is_unfinished(name)}
        return len(jobs)

    def _watch(self, schedule: Any) -> None:
        self._forget(schedule.name)
        time = timetable.attention(schedule)
        if time is None:
            return
        self._attention[schedule.name] = time
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._run, name="vertex-schedules", daemon=True)
            self._thread.start()

    def _forget(self, name: str) -> None:
        self._attention.pop(name, None)
        self._waiting.discard(name)

    def _run(self) -> None:
        while not self._closed.wait(_PAUSE):
            self._waiting.clear()
            while self.settle():
                pass


def _respond(schedule: Any, response: str) -> None:
    schedule.last_scheduled_run_response = Schedule.RunResponse(
        scheduled_run_time=schedule.next_run_time, run_response=response
    )
