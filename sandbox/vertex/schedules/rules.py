"""Rules of the fields of a schedule. No I/O.

Source: google/cloud/aiplatform/v1/schedule.proto and schedule_service.proto.
"""

from datetime import datetime
from typing import Any, Final

from google.cloud.aiplatform_v1.types import Schedule
from google.protobuf import field_mask_pb2

from sandbox.vertex.http.errors import InvalidArgument, Unimplemented
from sandbox.vertex.http.field_checks import check_display_name
from sandbox.vertex.schedules import cron

_OUTPUT_ONLY: Final = (
    *("started_run_count", "state", "create_time", "update_time", "next_run_time"),
    *("last_pause_time", "last_resume_time", "catch_up", "last_scheduled_run_response"),
)
_CHANGEABLE: Final = (
    *("cron", "create_pipeline_job_request", "display_name", "start_time", "end_time"),
    *("max_run_count", "max_concurrent_run_count", "max_concurrent_active_run_count"),
    "allow_queueing",
)
_DESCRIPTOR: Final = Schedule.pb().DESCRIPTOR


def new_schedule(sent: Any) -> Any:
    """A copy of the schedule in a create request, without what the server sets."""
    schedule = Schedule(sent)
    for field in ("name", *_OUTPUT_ONLY):
        Schedule.pb(schedule).ClearField(field)
    return schedule


def merged(current: Any, sent: Any, mask: field_mask_pb2.FieldMask) -> Any:
    """The current schedule with the fields of `sent` that the mask names.

    Fields that the server sets are ignored. Raises InvalidArgument for an empty mask, other
    fields, and a field that would lose its value.
    """
    if not mask.paths:
        raise InvalidArgument(
            f"updateMask is required: name the fields of the schedule to change "
            f"({', '.join(_CHANGEABLE)})."
        )
    plain = field_mask_pb2.FieldMask()
    for path in dict.fromkeys(mask.paths):
        root = path.partition(".")[0]
        if root == "create_notebook_execution_job_request":
            raise InvalidArgument("The type of a schedule's request cannot be changed.")
        known = field_mask_pb2.FieldMask(paths=[path]).IsValidForDescriptor(_DESCRIPTOR)
        if not known or root not in (*_CHANGEABLE, *_OUTPUT_ONLY):
            raise InvalidArgument(
                f"updateMask names {path!r}, which cannot be changed in a schedule; these can: "
                f"{', '.join(_CHANGEABLE)}."
            )
        if root in _CHANGEABLE:
            plain.paths.append(path)
    schedule = Schedule(current)
    plain.MergeMessage(
        Schedule.pb(sent),
        Schedule.pb(schedule),
        replace_message_field=True,
        replace_repeated_field=True,
    )
    for field in _CHANGEABLE:
        # allow_queueing is as well set when it is false.
        if field != "allow_queueing" and getattr(current, field) and not getattr(schedule, field):
            raise InvalidArgument(f"schedule.{field} has a value and cannot be unset.")
    return schedule


def check(schedule: Any, now: datetime) -> None:
    """Raise InvalidArgument for invalid fields, Unimplemented for runs of notebooks.

    The request that it sends is not checked here. `now` is the time at which the schedule begins.
    """
    check_display_name(schedule.display_name, "schedule.display_name")
    if "create_notebook_execution_job_request" in schedule:
        raise Unimplemented(
            "schedule.createNotebookExecutionJobRequest is not in the sandbox; "
            "schedule pipeline jobs by createPipelineJobRequest."
        )
    if "create_pipeline_job_request" not in schedule:
        raise InvalidArgument("schedule.createPipelineJobRequest is required.")
    if schedule.create_pipeline_job_request.pipeline_job_id:
        raise InvalidArgument(
            "schedule.createPipelineJobRequest.pipelineJobId would be the id of every run, and an "
            "id can be used once; leave it out."
        )
    if not schedule.cron:
        raise InvalidArgument("schedule.cron is required.")
    cron.parse(schedule.cron)
    if schedule.max_concurrent_run_count < 1:
        raise InvalidArgument("schedule.maxConcurrentRunCount is required, and 1 or more.")
    for field in ("max_run_count", "max_concurrent_active_run_count"):
        if getattr(schedule, field) < 0:
            raise InvalidArgument(f"schedule.{field} must not be negative.")
    if schedule.end_time and schedule.end_time <= max(now, schedule.start_time or now):
        raise InvalidArgument(
            f"schedule.endTime {schedule.end_time:%Y-%m-%dT%H:%M:%SZ} must be later than startTime "
            "and than now."
        )
