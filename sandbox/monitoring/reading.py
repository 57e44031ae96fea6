"""ListTimeSeries. Source: ListTimeSeriesRequest in google/monitoring/v3/metric_service.proto."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from google.cloud.monitoring_v3 import types

from sandbox.monitoring.aggregation import aggregate
from sandbox.monitoring.errors import InvalidArgument, NotFound
from sandbox.monitoring.filters import parse
from sandbox.monitoring.pages import page
from sandbox.monitoring.series import Kind, Point, Series, header, micros, point_message
from sandbox.monitoring.store import MetricStore

_MOST: Final = 100_000
_View: Any = types.ListTimeSeriesRequest.TimeSeriesView


def list_time_series(request: Any, store: MetricStore, known: dict[str, Any], project: str) -> Any:
    """The response; `known` are all MetricDescriptors by type.

    Raises InvalidArgument, NotFound for an unknown metric, and Unimplemented.
    """
    after, until = _interval(request)
    if request.order_by:
        raise InvalidArgument("orderBy is not supported; leave it out.")
    if request.secondary_aggregation and not request.aggregation:
        raise InvalidArgument("secondaryAggregation needs an aggregation; send both, or neither.")
    wanted = parse(request.filter)
    metrics = wanted.equal("metric.type")
    if len(metrics) != 1:
        raise InvalidArgument(
            f"The filter {request.filter[:500]!r} must specify a single metric type, as "
            'metric.type = "custom.googleapis.com/x".'
        )
    descriptor = known.get(metrics[0])
    if descriptor is None:
        raise NotFound(
            f"Cannot find metric(s) that match type = {metrics[0]!r}; list the metric descriptors."
        )
    found = []
    for identity in store.identities(descriptor.type):
        if not wanted.matches(identity, project):
            continue
        points = tuple(store.points(identity, after, until))
        if points:
            cumulative = descriptor.metric_kind == Kind.CUMULATIVE
            before = store.last(identity, after) if cumulative else None
            found.append(
                Series(
                    identity,
                    descriptor.metric_kind,
                    descriptor.value_type,
                    descriptor.unit,
                    points,
                    before,
                )
            )
    for how in (request.aggregation, request.secondary_aggregation):
        if how:
            found = aggregate(found, how, until)
    return _response(request, found)


def _interval(request: Any) -> tuple[int, int]:
    interval = request.interval
    if not interval or not interval.end_time or not interval.start_time:
        raise InvalidArgument("interval is required, with startTime and endTime.")
    after, until = micros(interval.start_time), micros(interval.end_time)
    if after >= until:
        raise InvalidArgument("interval.startTime must be earlier than interval.endTime.")
    return after, until


def _response(request: Any, found: Sequence[Series]) -> Any:
    units = {one.unit for one in found}
    unit = units.pop() if len(units) == 1 else "{not_a_unit}" if units else ""
    copy = types.ListTimeSeriesRequest(request)
    copy.page_token, copy.page_size = "", 0
    query = types.ListTimeSeriesRequest.to_json(copy)
    if request.view == _View.HEADERS:
        some, token = page(found, request, query, _MOST)
        series = [header(one) for one in some]
    else:
        points: list[tuple[int, Point]] = [
            (number, point) for number, one in enumerate(found) for point in reversed(one.points)
        ]
        parts, token = page(points, request, query, _MOST)
        series = []
        for number, group in groupby(parts, key=lambda part: part[0]):
            message = header(found[number])
            message.points = [point_message(point, found[number].value_type) for _, point in group]
            series.append(message)
    return types.ListTimeSeriesResponse(time_series=series, next_page_token=token, unit=unit)
