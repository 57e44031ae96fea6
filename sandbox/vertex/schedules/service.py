"""The calls of ScheduleService."""

from collections.abc import Callable
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.cloud.aiplatform_v1.types import Schedule

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument, NotFound
from sandbox.vertex.http.resource_names import new_id, parent_of
from sandbox.vertex.schedules import rules, timetable
from sandbox.vertex.schedules.listing import list_schedules
from sandbox.vertex.schedules.runs import Runs

_State: Any = Schedule.State
_COLLECTION: Final = "schedules"


class ScheduleService:
    """Methods of google/cloud/aiplatform/v1/schedule_service.proto."""

    def __init__(
        self, context: Context, check_pipeline_job: Callable[[Any], None], runs: Runs
    ) -> None:
        """`check_pipeline_job` raises the errors of a CreatePipelineJobRequest."""
        self._context = context
        self._check_pipeline_job = check_pipeline_job
        self._runs = runs

    def create_schedule(self, request: Any) -> Any:
        """Check a schedule and its request, and store it as ACTIVE.

        Raises InvalidArgument, NotFound for an input artifact, and Unimplemented for notebooks.
        """
        parent = self._context.names.parent(request.parent)
        now = self._context.clock()
        schedule: Any = rules.new_schedule(request.schedule)
        rules.check(schedule, now)
        self._check_request(schedule, parent)
        schedule.name = f"{parent}/{_COLLECTION}/{new_id()}"
        schedule.state = _State.ACTIVE
        schedule.create_time = schedule.update_time = now
        schedule.start_time = schedule.start_time or now
        timetable.move_on(schedule, now)
        with self._context.store.transaction():
            self._runs.save(schedule)
        return schedule

    def get_schedule(self, request: Any) -> Any:
        """The schedule. Raises InvalidArgument, NotFound."""
        return self._get(self._name(request.name))

    def list_schedules(self, request: Any) -> Any:
        """A page of schedules. Raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        found = self._context.store.list(Schedule, f"{parent}/{_COLLECTION}/")
        return list_schedules(found, request)

    def update_schedule(self, request: Any) -> Any:
        """Change an active or paused schedule; its runs that are due are left out.

        Raises InvalidArgument, NotFound, and FailedPrecondition for a completed schedule.
        """
        name = self._context.names.resource(request.schedule.name, _COLLECTION, "schedule.name")
        now = self._context.clock()
        with self._context.store.transaction():
            current = self._not_completed(name, "updated")
            schedule: Any = rules.merged(current, request.schedule, request.update_mask)
            begins = now if schedule.end_time != current.end_time else current.create_time
            rules.check(schedule, begins)
            self._check_request(schedule, parent_of(name))
            schedule.update_time = now
            timetable.move_on(schedule, now)
            self._runs.save(schedule)
        return schedule

    def pause_schedule(self, request: Any) -> None:
        """Pause an active schedule. Raises InvalidArgument, NotFound, FailedPrecondition."""
        now = self._context.clock()
        with self._context.store.transaction():
            schedule = self._not_completed(self._name(request.name), "paused")
            if schedule.state == _State.PAUSED:
                raise FailedPrecondition(f"The Schedule {schedule.name} is PAUSED already.")
            schedule.state = _State.PAUSED
            schedule.last_pause_time = schedule.update_time = now
            self._runs.save(schedule)

    def resume_schedule(self, request: Any) -> None:
        """Resume a paused schedule, with `catch_up` also the runs that it missed.

        Raises InvalidArgument, NotFound, FailedPrecondition.
        """
        now = self._context.clock()
        with self._context.store.transaction():
            schedule = self._not_completed(self._name(request.name), "resumed")
            if schedule.state != _State.PAUSED:
                raise FailedPrecondition(
                    f"The Schedule {schedule.name} is {schedule.state.name}; only a paused one can "
                    "be resumed."
                )
            schedule.state = _State.ACTIVE
            schedule.catch_up = request.catch_up
            schedule.last_resume_time = schedule.update_time = now
            if not request.catch_up:
                timetable.move_on(schedule, now)
            self._runs.save(schedule)

    def delete_schedule(self, request: Any) -> Any:
        """Start to delete a schedule; its jobs stay. Raises InvalidArgument, NotFound."""
        name = self._name(request.name)
        self._get(name)

        def finish() -> None:
            self._get(name)
            self._runs.delete(name)

        return self._context.start(name, types.DeleteOperationMetadata(), finish, alone=True)

    def close(self) -> None:
        """Start no more runs."""
        self._runs.close()

    def _name(self, name: str) -> str:
        return self._context.names.resource(name, _COLLECTION, "name")

    def _get(self, name: str) -> Any:
        schedule = self._context.store.get(Schedule, name)
        if schedule is None:
            raise NotFound(f"The Schedule {name} does not exist; list those of its location.")
        return schedule

    def _not_completed(self, name: str, what: str) -> Any:
        schedule = self._get(name)
        if schedule.state == _State.COMPLETED:
            raise FailedPrecondition(
                f"The Schedule {name} is COMPLETED and cannot be {what}; create another one."
            )
        return schedule

    def _check_request(self, schedule: Any, parent: str) -> None:
        request = schedule.create_pipeline_job_request
        sent = self._context.names.parent(request.parent)
        if sent != parent:
            raise InvalidArgument(
                f"schedule.createPipelineJobRequest.parent {request.parent!r} must be the parent "
                f"of the schedule, {parent}."
            )
        self._check_pipeline_job(request)
