"""ListPipelineJobs: filters, orders, pages and masks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.pipelines.api.listing import list_jobs

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def job(number: int, state: str, **labels: str) -> types.PipelineJob:
    return types.PipelineJob(
        name=f"projects/p/locations/l/pipelineJobs/run-{number}",
        display_name=f"week {number}",
        state=types.PipelineState.__members__[f"PIPELINE_STATE_{state}"],
        create_time=NOW + timedelta(days=number),
        end_time=NOW + timedelta(days=9 - number) if state == "SUCCEEDED" else None,
        pipeline_spec={"pipelineInfo": {"name": "weekly" if number else "daily"}},
        job_detail={"task_details": [{"task_id": 1}]},
        labels=labels,
    )


JOBS = [
    job(0, "SUCCEEDED", env="prod", team="data"),
    job(1, "RUNNING", env="test"),
    job(2, "SUCCEEDED", env="prod"),
    job(3, "FAILED"),
]


def numbers(**request: Any) -> list[int]:
    response = list_jobs(JOBS, types.ListPipelineJobsRequest(**request))
    return [int(one.name[-1]) for one in response.pipeline_jobs]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", [3, 2, 1, 0]),
        ('display_name="week 2"', [2]),
        ('displayName != "week 2"', [3, 1, 0]),
        ('display_name:"*2"', [2]),
        ('labels.env="prod"', [2, 0]),
        ("labels.env:prod", [2, 0]),
        ("labels.env:*", [2, 1, 0]),
        ('labels.env = "prod" AND labels.team="data"', [0]),
        ('state="PIPELINE_STATE_RUNNING"', [1]),
        ("state!=PIPELINE_STATE_SUCCEEDED", [3, 1]),
        ("pipeline_name=daily", [0]),
        ("NOT state=PIPELINE_STATE_SUCCEEDED", [3, 1]),
        ("pipeline_job_user_id:run*", [3, 2, 1, 0]),
        ('create_time>"2026-01-07T00:00:00Z"', [3]),
        ('createTime >= "2026-01-07T01:00:00+01:00"', [3, 2]),
        ('end_time<"2027-01-01T00:00:00Z"', [2, 0]),
        # OR binds closer than AND (aip.dev/160)
        ('labels.env="test" OR labels.env="prod" AND pipeline_name="weekly"', [2, 1]),
        ('labels.env="test" OR (labels.env="prod" AND pipeline_name="weekly")', [2, 1]),
    ],
)
def test_filters(condition: str, found: list[int]) -> None:
    assert numbers(filter=condition) == found


@pytest.mark.parametrize(
    "condition",
    [
        "state=RUNNING",
        "colour=red",
        "display_name>x",
        "display_name=",
        "a b c",
        'x="',
        "(state=1",
        "labels.env>x",
        "create_time>yesterday",
        "create_time:2026",
        "pipeline_name:d*",
        'display_name="a" display_name="b"',
    ],
)
def test_filters_that_are_refused(condition: str) -> None:
    with pytest.raises(InvalidArgument, match="filter"):
        numbers(filter=condition)


def test_orders() -> None:
    assert numbers(order_by="create_time") == [0, 1, 2, 3]
    assert numbers(order_by="create_time desc") == [3, 2, 1, 0]
    assert numbers(order_by="end_time desc, createTime") == [0, 2, 1, 3]
    with pytest.raises(InvalidArgument):
        numbers(order_by="display_name")


def test_pages_and_omitted_details() -> None:
    first = list_jobs(JOBS, types.ListPipelineJobsRequest(page_size=3))
    assert len(first.pipeline_jobs) == 3
    second = list_jobs(
        JOBS, types.ListPipelineJobsRequest(page_size=3, page_token=first.next_page_token)
    )
    assert [one.display_name for one in second.pipeline_jobs] == ["week 0"]
    assert not second.next_page_token
    assert "job_detail" not in second.pipeline_jobs[0]
    assert "job_detail" in JOBS[0]
    with pytest.raises(InvalidArgument):
        numbers(page_token="nonsense")


def test_a_read_mask() -> None:
    request = types.ListPipelineJobsRequest(read_mask={"paths": ["name", "display_name"]})
    found = list_jobs(JOBS, request).pipeline_jobs[0]
    assert found == types.PipelineJob(name=JOBS[3].name, display_name="week 3")
