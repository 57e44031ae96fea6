"""ListPipelineJobs: filter, order, pages, and what a list leaves out. No I/O.

What may be asked is in google/cloud/aiplatform/v1/pipeline_service.proto,
ListPipelineJobsRequest.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.cloud.aiplatform_v1.types import (
    ListPipelineJobsRequest,
    ListPipelineJobsResponse,
    PipelineJob,
)

from sandbox.vertex.listing import list_page
from sandbox.vertex.pipelines.filters import parse

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def list_jobs(
    jobs: Sequence[PipelineJob], request: ListPipelineJobsRequest
) -> ListPipelineJobsResponse:
    """The page asked for, newest first by default, without details. Raises InvalidArgument."""
    wanted = parse(request.filter)
    # The filter is done with: jobs have comparisons of times and OR, which other lists lack.
    rest = ListPipelineJobsRequest(request)
    rest.filter = ""
    orders = {
        field: _time(field) for field in ("create_time", "update_time", "end_time", "start_time")
    }
    newest = sorted(filter(wanted, jobs), key=orders["create_time"], reverse=True)
    page = list_page(newest, rest, {}, orders)
    return ListPipelineJobsResponse(
        pipeline_jobs=[_brief(job) for job in page.items],
        next_page_token=page.next_page_token,
    )


def _brief(job: PipelineJob) -> PipelineJob:
    message = PipelineJob.pb(PipelineJob(job))
    message.ClearField("job_detail")
    return PipelineJob.wrap(message)  # type: ignore[no-any-return]


def _time(field: str) -> Callable[[Any], datetime]:
    return lambda job: getattr(job, field) or _EARLIEST
