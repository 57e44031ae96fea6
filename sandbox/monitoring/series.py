"""Time series: their identity, points and messages. No I/O.

Times are whole microseconds since 1970 (UTC). A value is a bool, an int, a float or a Distribution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.api.metric_pb2 import MetricDescriptor
from google.cloud.monitoring_v3 import types

from sandbox.monitoring.distributions import Distribution, from_message, to_message

Kind: Any = MetricDescriptor.MetricKind
Type: Any = MetricDescriptor.ValueType
Value = bool | int | float | Distribution
Labels = tuple[tuple[str, str], ...]
"""Pairs of key and value, sorted."""
SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIELDS: Final = {
    Type.BOOL: "bool_value",
    Type.INT64: "int64_value",
    Type.DOUBLE: "double_value",
    Type.DISTRIBUTION: "distribution_value",
}
TYPES: Final = {field: value_type for value_type, field in _FIELDS.items()}
"""The value type of each field of TypedValue that a series may have."""


@dataclass(frozen=True)
class Identity:
    """What makes a time series one: the metric and the resource with all their labels."""

    metric: str
    metric_labels: Labels
    resource: str
    resource_labels: Labels


@dataclass(frozen=True)
class Point:
    """A value at `end`, or of the time from `start` on."""

    start: int
    end: int
    value: Value


@dataclass(frozen=True)
class Series:
    """A time series with some of its points, the oldest first; `before` is the point before them,
    if the series is CUMULATIVE and has one."""

    identity: Identity
    kind: int
    value_type: int
    unit: str
    points: tuple[Point, ...]
    before: Point | None = None


def labels(values: Mapping[str, str]) -> Labels:
    """The pairs of a map."""
    return tuple(sorted(values.items()))


def micros(time: datetime) -> int:
    """An aware time in microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def read_value(value: Any) -> Value:
    """The value of a TypedValue that has one; raises InvalidArgument for a distribution."""
    plain = types.TypedValue.pb(value)
    field = plain.WhichOneof("value")
    if field == "distribution_value":
        return from_message(plain.distribution_value)
    found: Value = getattr(plain, field)
    return found


def header(series: Series) -> Any:
    """The TimeSeries message without points."""
    identity = series.identity
    return types.TimeSeries(
        metric={"type": identity.metric, "labels": dict(identity.metric_labels)},
        resource={"type": identity.resource, "labels": dict(identity.resource_labels)},
        metric_kind=series.kind,
        value_type=series.value_type,
        unit=series.unit,
    )


def point_message(point: Point, value_type: int) -> Any:
    """The Point message."""
    value = point.value
    sent = to_message(value) if isinstance(value, Distribution) else value
    return types.Point(
        interval={"start_time": _time(point.start), "end_time": _time(point.end)},
        value={_FIELDS[value_type]: sent},
    )


def _time(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND
