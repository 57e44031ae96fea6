"""Errors of the Schedule service: exception, status, and no change."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from tests.conformance.conftest import Cloud, done, refused
from tests.conformance.valid_requests import BODIES

INVALID, PRECONDITION = "INVALID_ARGUMENT", "FAILED_PRECONDITION"
REQUEST = "create_pipeline_job_request"


def valid(cloud: Cloud, **fields: Any) -> types.Schedule:
    """A valid schedule with other values of these fields, unset if None."""
    body = copy.deepcopy(BODIES["create_schedule"])
    text = json.dumps(body).replace("{parent}", cloud.parent)
    message = json_format.Parse(text, types.Schedule.pb()())
    schedule: Any = types.Schedule.wrap(message)
    for path, value in fields.items():
        *outer, last = path.split("__")
        target = schedule
        for name in outer:
            target = getattr(target, name)
        setattr(target, last, value)
    return schedule


@pytest.fixture
def schedule(cloud: Cloud) -> Iterator[Any]:
    """A schedule, which nothing in the test changes."""
    made = cloud.schedules.create_schedule(parent=cloud.parent, schedule=valid(cloud))
    yield made
    assert list(cloud.schedules.list_schedules(parent=cloud.parent)) == [made]
    done(cloud.schedules.delete_schedule(name=made.name))


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (INVALID, {"display_name": ""}),
        (INVALID, {"display_name": "x" * 129}),
        (INVALID, {"cron": None}),
        (INVALID, {"cron": "0 3 * *"}),
        (INVALID, {"cron": "0 0 30 2 *"}),
        (INVALID, {"cron": "TZ=Nowhere/Else 0 3 * * *"}),
        (INVALID, {"max_concurrent_run_count": 0}),
        (INVALID, {"max_concurrent_run_count": -1}),
        (INVALID, {"max_concurrent_active_run_count": -1}),
        (INVALID, {"max_run_count": -1}),
        (INVALID, {"end_time": "2020-01-01T00:00:00Z", "start_time": None}),
        (INVALID, {"end_time": "2989-01-01T00:00:00Z"}),
        (INVALID, {REQUEST: None}),
        (INVALID, {f"{REQUEST}__parent": ""}),
        (INVALID, {f"{REQUEST}__parent": "projects/titleholder-local/locations/elsewhere"}),
        ("PERMISSION_DENIED", {f"{REQUEST}__parent": "projects/other/locations/elsewhere"}),
        (INVALID, {f"{REQUEST}__pipeline_job_id": "same"}),
        (INVALID, {f"{REQUEST}__pipeline_job": {}}),
        (INVALID, {f"{REQUEST}__pipeline_job__runtime_config": {}}),
        (INVALID, {f"{REQUEST}__pipeline_job__labels": {"Team": "ml"}}),
        ("UNIMPLEMENTED", {"create_notebook_execution_job_request": {"parent": "x"}}),
    ],
)
def test_create_is_refused(cloud: Cloud, status: str, fields: dict[str, Any]) -> None:
    made = valid(cloud, **fields)
    refused(status, cloud.schedules.create_schedule, parent=cloud.parent, schedule=made)
    assert list(cloud.schedules.list_schedules(parent=cloud.parent)) == []


def test_updates_are_refused(cloud: Cloud, schedule: Any) -> None:
    for paths, fields in (
        ([], {}),
        (["name"], {}),
        (["labels"], {}),
        (["create_notebook_execution_job_request"], {}),
        (["max_run_count"], {"max_run_count": 0}),
        (["end_time"], {"end_time": None}),
        (["end_time"], {"end_time": "2020-01-01T00:00:00Z"}),
        ([REQUEST], {REQUEST: None}),
        ([f"{REQUEST}.parent"], {f"{REQUEST}__parent": ""}),
        (["cron", "display_name"], {"cron": "every day", "display_name": "y"}),
    ):
        sent = valid(cloud, name=schedule.name, **fields)
        call = cloud.schedules.update_schedule
        refused(INVALID, call, schedule=sent, update_mask={"paths": paths})
    missing = valid(cloud, name=f"{schedule.name}0")
    mask = {"paths": ["display_name"]}
    refused("NOT_FOUND", cloud.schedules.update_schedule, schedule=missing, update_mask=mask)


def test_states_and_names_are_refused(cloud: Cloud, schedule: Any) -> None:
    refused(PRECONDITION, cloud.schedules.resume_schedule, name=schedule.name)
    client = cloud.schedules
    for call in (
        *(client.get_schedule, client.pause_schedule),
        *(client.resume_schedule, client.delete_schedule),
    ):
        refused("NOT_FOUND", call, name=f"{schedule.name}0")
    for condition in ("request:*", "state=RUNNING", "display_name:x AND", "max_run_count=3"):
        request = {"parent": cloud.parent, "filter": condition}
        refused(INVALID, client.list_schedules, request)
    for order in ("display_name", "create_time up"):
        refused(INVALID, client.list_schedules, {"parent": cloud.parent, "order_by": order})
