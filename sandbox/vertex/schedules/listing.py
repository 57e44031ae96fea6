"""ListSchedules: its filters and orders. No I/O.

Source: ListSchedulesRequest in google/cloud/aiplatform/v1/schedule_service.proto.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.cloud.aiplatform_v1.types import ListSchedulesRequest, ListSchedulesResponse, Schedule

from sandbox.vertex.http.filters import Field
from sandbox.vertex.http.listing import list_page

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_TIMES: Final = ("create_time", "start_time", "end_time", "next_run_time")
_REQUESTS: Final = ("create_pipeline_job_request", "create_notebook_execution_job_request")


def list_schedules(
    schedules: Sequence[Schedule], request: ListSchedulesRequest
) -> ListSchedulesResponse:
    """The requested page, by default newest first. Raises InvalidArgument."""
    orders = {field: _time(field) for field in _TIMES}
    newest = sorted(schedules, key=orders["create_time"], reverse=True)
    page = list_page(newest, request, _FIELDS, orders)
    return ListSchedulesResponse(schedules=page.items, next_page_token=page.next_page_token)


def _time(field: str) -> Callable[[Any], datetime]:
    return lambda schedule: getattr(schedule, field) or _EARLIEST


def _read(field: str) -> Callable[[Any], Any]:
    return lambda schedule: getattr(schedule, field)


def _has(field: str) -> Callable[[Any], Any]:
    return lambda schedule: field in schedule


_FIELDS: Final = {
    "display_name": Field(_read("display_name"), wild=True),
    "state": Field(lambda schedule: schedule.state.name, names=Schedule.State.__members__),
    **{field: Field(_has(field), presence=True) for field in _REQUESTS},
    **{field: Field(_read(field), time=True) for field in _TIMES},
    "end_time": Field(_read("end_time"), time=True, presence=True),
}
