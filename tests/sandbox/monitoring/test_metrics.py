"""Cloud Monitoring over REST and gRPC, by Google's messages and client, with a manual clock."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_v3
from google.cloud.monitoring_v3 import types
from google.cloud.monitoring_v3.services.metric_service.transports import (
    MetricServiceGrpcTransport,
)

from sandbox.monitoring.series import Kind, Type
from tests.sandbox.conftest import PROJECT, PROJECT_NUMBER, Storage, Vertex

NAME = f"projects/{PROJECT}"
ONLINE = "aiplatform.googleapis.com/prediction/online/"
BODY = {"instances": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}
LINEAR = {"linear_buckets": {"num_finite_buckets": 4, "width": 10, "offset": 10}}
Aligner = types.Aggregation.Aligner
Reducer = types.Aggregation.Reducer


class Server(Vertex):
    """A server with Google's client of MetricService."""

    metrics: monitoring_v3.MetricServiceClient

    def start(self) -> None:
        super().start()
        channel = getattr(self.jobs.transport, "grpc_channel")  # noqa: B009
        transport = MetricServiceGrpcTransport(channel=channel)
        self.metrics = monitoring_v3.MetricServiceClient(transport=transport)

    def series(
        self, condition: str, minutes: float = 60, how: Any = None, **request: Any
    ) -> list[Any]:
        """The time series of the last minutes."""
        interval = {
            "start_time": self.clock.now - timedelta(minutes=minutes),
            "end_time": self.clock.now,
        }
        return list(
            self.metrics.list_time_series(
                {
                    "name": NAME,
                    "filter": condition,
                    "interval": interval,
                    "aggregation": how,
                    **request,
                }
            )
        )

    def values(self, *arguments: Any, **keywords: Any) -> list[list[Any]]:
        """The values of each series, the newest first."""
        found = self.series(*arguments, **keywords)
        return [[value_of(point) for point in one.points] for one in found]

    def write(self, metric: str, value: Any, start: Any = None, **labels: str) -> None:
        """Write a custom point that ends now."""
        interval = {"end_time": self.clock.now}
        if start is not None:
            interval["start_time"] = start
        field = {bool: "bool_value", int: "int64_value", float: "double_value"}.get(
            type(value), "distribution_value"
        )
        one = types.TimeSeries(
            metric={"type": f"custom.googleapis.com/{metric}", "labels": labels},
            resource={"type": "global"},
            points=[{"interval": interval, "value": {field: value}}],
            metric_kind="CUMULATIVE" if start is not None else 0,
        )
        self.metrics.create_time_series(name=NAME, time_series=[one])


def value_of(point: Any) -> Any:
    plain = types.TypedValue.pb(point.value)
    return getattr(plain, plain.WhichOneof("value"))


def of(metric: str, more: str = "") -> str:
    return f'metric.type = "{ONLINE}{metric}"{more}'


def every(minutes: float, aligner: Any, reducer: Any = Reducer.REDUCE_NONE, *fields: str) -> Any:
    return types.Aggregation(
        alignment_period=timedelta(minutes=minutes),
        per_series_aligner=aligner,
        cross_series_reducer=reducer,
        group_by_fields=fields,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("monitoring"), bucket.host, transport="grpc")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def endpoint(server: Server, bucket: Storage) -> str:
    """An endpoint with three predictions in one minute, one in the next, each with two instances,
    and two refused ones in that."""
    found = server.endpoint("shop").name
    model = server.upload(bucket.put_constant(1)).model
    server.finish(server.deploy(found, model, {"0": 100}, id="1"))
    for count, refused in ((3, 0), (1, 2)):
        for _ in range(count):
            assert server.http.post(f"/v1/{found}:predict", json=BODY).status_code == 200
        for _ in range(refused):
            wrong = {"instances": [["x"]]}
            assert server.http.post(f"/v1/{found}:predict", json=wrong).status_code == 400
        server.clock.advance(60)
    return str(found)


@pytest.fixture
def custom(server: Server) -> Iterator[None]:
    """The custom metrics of a test, deleted afterwards."""
    yield
    custom = 'metric.type = starts_with("custom.googleapis.com/")'
    for one in server.metrics.list_metric_descriptors({"name": NAME, "filter": custom}):
        server.metrics.delete_metric_descriptor(name=one.name)


def test_predictions_are_counted_by_the_minute(server: Server, endpoint: str) -> None:
    (found,) = server.series(of("prediction_count"))
    assert dict(found.metric.labels) == {
        "deployed_model_id": "1",
        "spot": "False",
        "model_display_name": "linnerud",
        "endpoint_display_name": "shop",
    }
    assert found.resource.type == "aiplatform.googleapis.com/Endpoint"
    assert dict(found.resource.labels) == {
        "resource_container": PROJECT_NUMBER,
        "location": "us-central1",
        "endpoint_id": "shop",
    }
    assert [value_of(point) for point in found.points] == [2, 6]
    newest = found.points[0].interval
    assert newest.end_time == server.clock.now
    assert newest.end_time - newest.start_time == timedelta(minutes=1)
    assert (found.unit, found.metric_kind, found.value_type) == ("1", Kind.DELTA, Type.INT64)
    labelled = ' AND metric.labels.response_code = "2xx"'
    assert server.values(of("response_count", labelled)) == [[1, 3]]
    assert server.values(of("error_count")) == [[2]]
    latencies = server.series(of("prediction_latencies"))
    kinds = {one.metric.labels["latency_type"]: one for one in latencies}
    assert sorted(kinds) == ["model", "overhead", "total"]
    total, model, overhead = (
        [value_of(point) for point in kinds[kind].points] for kind in ("total", "model", "overhead")
    )
    assert [one.count for one in total] == [3, 3]
    assert sum(total[1].bucket_counts) == 3
    assert total[1].mean == pytest.approx(model[1].mean + overhead[1].mean)


def test_series_are_aligned_reduced_and_paged(server: Server, endpoint: str) -> None:
    def aligned(metric: str, *how: Any) -> list[list[Any]]:
        return server.values(of(metric), how=every(*how))

    assert aligned("prediction_count", 5, Aligner.ALIGN_DELTA) == [[8]]
    assert aligned("prediction_count", 1, Aligner.ALIGN_SUM) == [[2, 6]]
    assert aligned("prediction_count", 2, Aligner.ALIGN_RATE) == [[8 / 120]]
    assert aligned("prediction_count", 2, Aligner.ALIGN_MEAN) == [[4]]
    assert aligned("prediction_count", 2, Aligner.ALIGN_MAX) == [[6]]
    assert aligned("prediction_count", 2, Aligner.ALIGN_COUNT) == [[2]]
    both = (2, Aligner.ALIGN_SUM, Reducer.REDUCE_SUM)
    assert aligned("response_count", *both) == [[6]]
    by_code = server.series(
        of("response_count"), how=every(*both, "metric.labels.response_code", "resource.type")
    )
    found = {one.metric.labels["response_code"]: value_of(one.points[0]) for one in by_code}
    assert found == {"2xx": 4, "4xx": 2}
    assert all(not one.resource.labels for one in by_code)
    ((slow,),) = aligned("prediction_latencies", 2, Aligner.ALIGN_PERCENTILE_99)[:1]
    assert slow > 0
    share = every(2, Aligner.ALIGN_DELTA, Reducer.REDUCE_PERCENTILE_50)
    ((middle,),) = server.values(of("prediction_latencies"), how=share)
    assert middle > 0
    twice = server.values(
        of("response_count"),
        how=every(1, Aligner.ALIGN_SUM),
        secondary_aggregation=every(2, Aligner.ALIGN_SUM, Reducer.REDUCE_COUNT),
    )
    assert twice == [[2]]
    # The client joins the pages: a page has one point, or one header.
    assert server.values(of("response_count"), page_size=1) == [[1], [3], [2]]
    (header, _) = server.series(of("response_count"), view="HEADERS", page_size=1)
    assert not header.points
    # The start is excluded, and the end included.
    assert server.values(of("prediction_count"), minutes=1) == [[2]]
    assert server.values(of("prediction_count"), minutes=0.5) == [[2]]
    assert server.values(of("prediction_count", ' metric.labels.spot != "False"')) == []


def test_replicas_are_sampled_and_everything_survives_a_restart(
    server: Server, endpoint: str
) -> None:
    server.clock.advance(60)
    assert server.values(of("replicas"), minutes=1) == [[1]]
    before = server.values(of("response_count"))
    # A prediction of this minute, in parts before and after the restart.
    for restart in (True, False):
        assert server.http.post(f"/v1/{endpoint}:predict", json=BODY).status_code == 200
        if restart:
            server.restart()
    server.clock.advance(60)
    assert server.values(of("prediction_count"), minutes=1) == [[4]]
    assert server.values(of("response_count"), minutes=60)[-1] == before[-1]
    assert server.values(of("target_replicas"), minutes=1) == [[1]]
    server.clock.advance(43 * 86_400)
    server.http.post(f"/v1/{endpoint}:predict", json=BODY)
    server.clock.advance(60)
    assert server.values(of("prediction_count"), minutes=60 * 24 * 90) == [[2]]


def test_descriptors(server: Server, custom: None) -> None:
    found = {one.type: one for one in server.metrics.list_metric_descriptors(name=NAME)}
    assert f"{ONLINE}prediction_latencies" in found
    name = f"{NAME}/metricDescriptors/{ONLINE}response_count"
    one = server.metrics.get_metric_descriptor(name=name)
    assert (one.name, one.unit) == (name, "1")
    assert [label.key for label in one.labels][:2] == ["deployed_model_id", "response_code"]
    places = list(server.metrics.list_monitored_resource_descriptors(name=NAME))
    assert [place.type for place in places][:2] == [
        "aiplatform.googleapis.com/Endpoint",
        "generic_node",
    ]
    assert server.metrics.get_monitored_resource_descriptor(name=places[0].name) == places[0]
    with pytest.raises(exceptions.NotFound):
        server.metrics.get_monitored_resource_descriptor(name=f"{places[0].name}s")
    made = server.metrics.create_metric_descriptor(
        name=NAME,
        metric_descriptor={
            "type": "custom.googleapis.com/shop/stock",
            "metric_kind": "GAUGE",
            "value_type": "INT64",
            "labels": [{"key": "kind"}],
        },
    )
    server.write("shop/stock", 3, kind="tea")
    active = {"name": NAME, "active_only": True, "filter": 'metric.type = ends_with("stock")'}
    assert list(server.metrics.list_metric_descriptors(active)) == [made]
    server.clock.advance(26 * 3600)
    assert list(server.metrics.list_metric_descriptors(active)) == []
    server.metrics.delete_metric_descriptor(name=made.name)
    with pytest.raises(exceptions.NotFound):
        server.metrics.get_metric_descriptor(name=made.name)
    with pytest.raises(exceptions.InvalidArgument, match="custom"):
        server.metrics.delete_metric_descriptor(name=name)


def test_custom_metrics(server: Server, custom: None) -> None:
    stock, sold, width = (f'metric.type="custom.googleapis.com/{x}"' for x in "abc")
    start = server.clock.now
    for value in (5, 7, 0):
        server.clock.advance(60)
        server.write("a", value, kind="tea")
        server.write("b", value / 2, start=start)
        server.write("c", {"count": 1, "bucket_counts": [0, 1], "bucket_options": LINEAR})
    assert server.values(stock) == [[0, 7, 5]]
    assert server.series(stock)[0].resource.labels["project_id"] == PROJECT
    assert server.values(stock, how=every(3, Aligner.ALIGN_NEXT_OLDER)) == [[0]]
    # What each adds to the one before; its first point counts from its start.
    assert server.values(sold, how=every(1, Aligner.ALIGN_DELTA)) == [[-3.5, 1, 2.5]]
    assert server.values(sold, minutes=1, how=every(1, Aligner.ALIGN_RATE)) == [[-3.5 / 60]]
    (merged,) = server.values(width, how=every(3, Aligner.ALIGN_SUM))[0]
    assert (merged.count, list(merged.bucket_counts)) == (3, [0, 3])
    assert server.values(width, how=every(3, Aligner.ALIGN_PERCENTILE_50)) == [[15]]
