"""Errors of MetricService over REST: the status, and that nothing changed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import PROJECT, Storage, Vertex

TYPE = "custom.googleapis.com/refused"
PATH = f"/v3/projects/{PROJECT}"
ONLINE = "aiplatform.googleapis.com/prediction/online/"
INVALID, MISSING = "INVALID_ARGUMENT", "UNIMPLEMENTED"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Vertex]:
    """A server with a point of a custom GAUGE of integers, a minute ago."""
    running = Vertex(tmp_path_factory.mktemp("refused"), bucket.host)
    try:
        assert write(running, series(running)).status_code == 200
        running.clock.advance(60)
        yield running
    finally:
        running.stop()


def at(server: Vertex, seconds: float = 0) -> str:
    return f"{server.clock.now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def series(server: Vertex, **changes: Any) -> dict[str, Any]:
    """A valid series, with other values of some fields."""
    point = {"interval": {"endTime": at(server)}, "value": {"int64Value": "1"}}
    made = {
        "metric": {"type": TYPE, "labels": {"kind": "tea"}},
        "resource": {"type": "global"},
        "points": [point],
    }
    for path, value in changes.items():
        *outer, last = path.split("__")
        target: Any = made
        for name in outer:
            target = target[int(name)] if name.isdigit() else target[name]
        target[last] = value
    return made


def write(server: Vertex, *sent: dict[str, Any]) -> Any:
    return server.http.post(f"{PATH}/timeSeries", json={"timeSeries": sent})


def refused(answer: Any, status: str) -> None:
    error = answer.json()["error"]
    assert error["status"] == status, error
    assert error["message"].strip()
    assert answer.status_code == {INVALID: 400, "NOT_FOUND": 404, MISSING: 501}.get(status, 403)


def listed(server: Vertex, metric: str = TYPE, **query: Any) -> Any:
    params = {
        "filter": f'metric.type="{metric}"',
        "interval.startTime": at(server, -7200),
        "interval.endTime": at(server),
        **query,
    }
    return server.http.get(f"{PATH}/timeSeries", params=params)


def everything(server: Vertex) -> tuple[str, str]:
    return listed(server).text, server.http.get(f"{PATH}/metricDescriptors").text


@pytest.mark.parametrize(
    "changes",
    [
        {"metric__type": "aiplatform.googleapis.com/prediction/online/error_count"},
        {"metric__type": "custom.googleapis.com/../x y"},
        {"metric__type": f"custom.googleapis.com/{'x' * 200}"},
        {"metric__labels": {"color": "red"}},
        {"metric__labels": {"kind": "x" * 1025}},
        {"resource__type": "aiplatform.googleapis.com/Endpoint"},
        {"resource__type": "gce_instance"},
        {"resource__type": "generic_node"},
        {"resource__labels": {"zone": "a"}},
        {"resource__labels": {"project_id": "other"}},
        {"metricKind": "CUMULATIVE"},
        {"valueType": "DOUBLE"},
        {"points": []},
        {"points__0__value": {}},
        {"points__0__value": {"doubleValue": 1.5}},
        {"points__0__value": {"stringValue": "x"}},
        {"points__0__interval": {}},
        {"points__0__interval": {"endTime": "2020-01-01T00:00:00Z"}},
        {"points__0__interval": {"endTime": "2030-01-01T00:00:00Z"}},
        {"metric__type": f"{TYPE}/new", "metricKind": "DELTA"},
        {"metric__type": f"{TYPE}/new", "metric__labels": {"1": "x"}},
        {"metric__type": f"{TYPE}/new", "metricKind": "CUMULATIVE"},
    ],
    ids=json.dumps,
)
def test_points_are_refused(server: Vertex, changes: dict[str, Any]) -> None:
    before = everything(server)
    # The first series is valid: nothing is written unless all are.
    refused(write(server, series(server), series(server, **changes)), INVALID)
    assert everything(server) == before


def test_points_in_a_wrong_order_are_refused(server: Vertex) -> None:
    before = everything(server)
    earlier = {"endTime": at(server, -70)}
    early = {"endTime": at(server, -57)}
    longer = {"startTime": at(server, -10), "endTime": at(server)}
    for interval in (earlier, early, longer, {"endTime": at(server, 301)}):
        refused(write(server, series(server, points__0__interval=interval)), INVALID)
    refused(write(server, series(server), series(server)), INVALID)
    refused(write(server, *[series(server)] * 201), INVALID)
    refused(write(server), INVALID)
    counted = {"metric__type": f"{TYPE}/sum", "metricKind": "CUMULATIVE"}
    assert everything(server) == before
    first = {"startTime": at(server, -20), "endTime": at(server, -10)}
    assert write(server, series(server, points__0__interval=first, **counted)).is_success
    overlap = {"startTime": at(server, -15), "endTime": at(server)}
    refused(write(server, series(server, points__0__interval=overlap, **counted)), INVALID)
    assert server.http.delete(f"{PATH}/metricDescriptors/{TYPE}/sum").json() == {}
    assert everything(server) == before


@pytest.mark.parametrize(
    ("status", "query"),
    [
        (INVALID, {"filter": ""}),
        (INVALID, {"filter": 'resource.type = "global"'}),
        (INVALID, {"filter": f'metric.type = "{TYPE}" metric.type = "other"'}),
        (INVALID, {"filter": 'metric.type = starts_with("custom")'}),
        ("NOT_FOUND", {"filter": f'metric.type = "{TYPE}/absent"'}),
        (MISSING, {"filter": f'metric.type = "{TYPE}" OR metric.type = "x"'}),
        (INVALID, {"interval.startTime": "2090-01-01T00:00:00Z"}),
        (INVALID, {"interval.endTime": ""}),
        (INVALID, {"orderBy": "time"}),
        (INVALID, {"view": "ALL"}),
        (INVALID, {"pageToken": "x"}),
        (INVALID, {"aggregation.perSeriesAligner": "ALIGN_SUM"}),
        (INVALID, {"aggregation.crossSeriesReducer": "REDUCE_SUM"}),
        (INVALID, {"secondaryAggregation.perSeriesAligner": "ALIGN_SUM"}),
        *(
            (
                status,
                {
                    "aggregation.perSeriesAligner": aligner,
                    "aggregation.alignmentPeriod": period,
                    "aggregation.crossSeriesReducer": reducer,
                    "aggregation.groupByFields": field,
                },
            )
            for status, aligner, period, reducer, field in (
                (INVALID, "ALIGN_SUM", "59s", "REDUCE_SUM", "resource.type"),
                (INVALID, "ALIGN_SUM", "62899201s", "REDUCE_SUM", "resource.type"),
                (INVALID, "ALIGN_SUM", "60s", "REDUCE_SUM", "metric.kind"),
                (INVALID, "ALIGN_DELTA", "60s", "REDUCE_SUM", "resource.type"),
                (INVALID, "ALIGN_RATE", "60s", "REDUCE_SUM", "resource.type"),
                (INVALID, "ALIGN_PERCENTILE_99", "60s", "REDUCE_SUM", "resource.type"),
                (MISSING, "ALIGN_STDDEV", "60s", "REDUCE_SUM", "resource.type"),
                (MISSING, "ALIGN_PERCENT_CHANGE", "60s", "REDUCE_SUM", "resource.type"),
                (MISSING, "ALIGN_SUM", "60s", "REDUCE_STDDEV", "resource.type"),
            )
        ),
    ],
    ids=lambda value: json.dumps(value)[:120],
)
def test_reads_are_refused(server: Vertex, status: str, query: dict[str, Any]) -> None:
    # The point is a minute old, so that aligners have something to refuse.
    assert listed(server).json()["timeSeries"]
    refused(listed(server, **query), status)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": f"{ONLINE}x"},
        {"type": ""},
        {"metricKind": "DELTA"},
        {"metricKind": "METRIC_KIND_UNSPECIFIED"},
        {"valueType": "STRING"},
        {"valueType": "BOOL", "metricKind": "CUMULATIVE"},
        {"valueType": "DOUBLE"},
        {"labels": [{"key": "a"}, {"key": "a"}]},
        {"labels": [{"key": f"a{n}"} for n in range(31)]},
        {"labels": [{"key": "a-b"}]},
    ],
    ids=json.dumps,
)
def test_descriptors_are_refused(server: Vertex, changes: dict[str, Any]) -> None:
    before = everything(server)
    descriptor = {"type": TYPE, "metricKind": "GAUGE", "valueType": "INT64", **changes}
    refused(server.http.post(f"{PATH}/metricDescriptors", json=descriptor), INVALID)
    assert everything(server) == before


def test_other_names_and_methods(server: Vertex) -> None:
    get = server.http.get
    refused(get(f"{PATH}/metricDescriptors/{TYPE}/absent"), "NOT_FOUND")
    refused(get(f"{PATH}/monitoredResourceDescriptors/gce_instance"), "NOT_FOUND")
    refused(get("/v3/projects/other/metricDescriptors"), "PERMISSION_DENIED")
    refused(server.http.delete(f"{PATH}/metricDescriptors/{ONLINE}replicas"), INVALID)
    by_label = {"filter": 'metric.labels.kind = "tea"'}
    refused(get(f"{PATH}/metricDescriptors", params=by_label), MISSING)
    body = {"timeSeries": [series(server)]}
    refused(server.http.post(f"{PATH}/timeSeries:createService", json=body), MISSING)
    assert get(f"{PATH}/alertPolicies").status_code == 404
