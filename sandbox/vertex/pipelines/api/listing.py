"""ListPipelineJobs: its filters, orders and fields. No I/O.

Source: ListPipelineJobsRequest in google/cloud/aiplatform/v1/pipeline_service.proto.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.cloud.aiplatform_v1.types import (
    ListPipelineJobsRequest,
    ListPipelineJobsResponse,
    PipelineJob,
    PipelineState,
)

from sandbox.vertex.http.filters import Field
from sandbox.vertex.http.listing import list_page

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_TIMES: Final = ("create_time", "update_time", "end_time", "start_time")


def list_jobs(
    jobs: Sequence[PipelineJob], request: ListPipelineJobsRequest
) -> ListPipelineJobsResponse:
    """The requested page, by default newest first, without details. Raises InvalidArgument."""
    orders = {field: _time(field) for field in _TIMES}
    newest = sorted(jobs, key=orders["create_time"], reverse=True)
    page = list_page(newest, request, _FIELDS, orders)
    return ListPipelineJobsResponse(
        pipeline_jobs=[_without_details(job) for job in page.items],
        next_page_token=page.next_page_token,
    )


def _without_details(job: PipelineJob) -> PipelineJob:
    message = PipelineJob.pb(PipelineJob(job))
    message.ClearField("job_detail")
    return PipelineJob.wrap(message)  # type: ignore[no-any-return]


def _time(field: str) -> Callable[[Any], datetime]:
    return lambda job: getattr(job, field) or _EARLIEST


def _read_time(field: str) -> Field:
    return Field(lambda job: getattr(job, field), time=True)


_FIELDS: Final = {
    "display_name": Field(lambda job: job.display_name, wild=True),
    "pipeline_name": Field(lambda job: str(job.pipeline_spec["pipelineInfo"]["name"])),
    "pipeline_job_user_id": Field(lambda job: job.name.split("/")[-1], wild=True),
    "template_uri": Field(lambda job: job.template_uri, wild=True),
    "state": Field(lambda job: job.state.name, names=PipelineState.__members__),
    # Not in the proto file: the SDK's PipelineJobSchedule.list_jobs sends it.
    "schedule_name": Field(lambda job: job.schedule_name, wild=True),
    **{field: _read_time(field) for field in _TIMES},
}
