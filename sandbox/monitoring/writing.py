"""Rules of custom metrics: their descriptors and points. No I/O.

Source: google/api/metric.proto, TimeInterval in google/monitoring/v3/common.proto, TimeSeries in
google/monitoring/v3/metric.proto, and https://cloud.google.com/monitoring/quotas#custom_metrics.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from google.api import label_pb2
from google.api.metric_pb2 import MetricDescriptor

from sandbox.monitoring.descriptors import CUSTOM
from sandbox.monitoring.errors import InvalidArgument
from sandbox.monitoring.series import (
    SECOND,
    TYPES,
    Identity,
    Kind,
    Point,
    Type,
    labels,
    micros,
    read_value,
)

_TYPE: Final = re.compile(r"custom\.googleapis\.com(/[A-Za-z0-9_.-]+)+", re.ASCII)
_KEY: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,99}", re.ASCII)
_LONGEST_TYPE: Final = 200
_LONGEST_VALUE: Final = 1024
_MOST_LABELS: Final = 30
_OLDEST: Final = 25 * 3600 * SECOND
_FUTURE: Final = 300 * SECOND
_FASTEST: Final = 5 * SECOND
_VALUE_TYPES: Final = frozenset((Type.BOOL, Type.INT64, Type.DOUBLE, Type.DISTRIBUTION))
_KINDS: Final = frozenset((Kind.GAUGE, Kind.CUMULATIVE))


def check_type(metric: str) -> None:
    """Raise InvalidArgument unless it is a type of a custom metric."""
    if not _TYPE.fullmatch(metric) or len(metric) > _LONGEST_TYPE:
        raise InvalidArgument(
            f"The metric type {metric[:_LONGEST_TYPE]!r} is not {CUSTOM}NAME, with up to "
            f"{_LONGEST_TYPE} letters, digits, '_', '.', '-' and '/'; only such metrics can be "
            "written and changed."
        )


def check_descriptor(descriptor: Any) -> None:
    """Raise InvalidArgument unless it describes a custom metric."""
    check_type(descriptor.type)
    if descriptor.metric_kind not in _KINDS or descriptor.value_type not in _VALUE_TYPES:
        raise InvalidArgument(
            f"metricDescriptor {descriptor.type}: a custom metric is GAUGE or CUMULATIVE, and BOOL,"
            " INT64, DOUBLE or DISTRIBUTION; correct metricKind and valueType."
        )
    if descriptor.value_type == Type.BOOL and descriptor.metric_kind != Kind.GAUGE:
        raise InvalidArgument(f"metricDescriptor {descriptor.type}: a BOOL metric must be GAUGE.")
    keys = [label.key for label in descriptor.labels]
    if len(keys) > _MOST_LABELS or len(set(keys)) < len(keys) or not all(map(_KEY.fullmatch, keys)):
        raise InvalidArgument(
            f"metricDescriptor {descriptor.type} must have up to {_MOST_LABELS} labels, each with "
            "another key of up to 100 letters, digits and '_', the first a letter."
        )


def descriptor_of(series: Any) -> Any:
    """The descriptor that is made of the first point of a metric without one."""
    (point,) = series.points
    field = type(point.value).pb(point.value).WhichOneof("value")
    descriptor = MetricDescriptor(
        type=series.metric.type,
        metric_kind=series.metric_kind or Kind.GAUGE,
        value_type=TYPES.get(field, Type.VALUE_TYPE_UNSPECIFIED),
        unit=series.unit,
        description=series.description,
        labels=[label_pb2.LabelDescriptor(key=key) for key in sorted(series.metric.labels)],
    )
    check_descriptor(descriptor)
    return descriptor


def check_series(series: Any, where: str) -> None:
    """Raise InvalidArgument unless it has a custom metric and one point with a value."""
    check_type(series.metric.type)
    if len(series.points) != 1:
        raise InvalidArgument(f"{where} has {len(series.points)} points; send exactly one.")
    value = series.points[0].value
    if type(value).pb(value).WhichOneof("value") not in TYPES:
        raise InvalidArgument(
            f"{where}.points[0].value is required, and a bool, int64, double or distribution."
        )


def identity_of(
    series: Any, descriptor: Any, resources: Mapping[str, Any], project: str, where: str
) -> Identity:
    """The identity of a series to be written; raises InvalidArgument for other labels."""
    resource = resources.get(series.resource.type)
    if resource is None or "/" in resource.type:
        custom = ", ".join(kind for kind in resources if "/" not in kind)
        raise InvalidArgument(
            f"{where}.resource.type {series.resource.type[:200]!r} cannot have custom metrics; use "
            f"{custom}."
        )
    metric_labels, resource_labels = dict(series.metric.labels), dict(series.resource.labels)
    if "project_id" not in resource_labels:
        resource_labels["project_id"] = project
    for found, known, what in (
        (metric_labels, {label.key for label in descriptor.labels}, "metric"),
        (resource_labels, {label.key for label in resource.labels}, "resource"),
    ):
        if wrong := sorted(found.keys() - known):
            raise InvalidArgument(
                f"{where}.{what}.labels has {', '.join(wrong)[:500]}, which the descriptor does not"
                f" have; it has {', '.join(sorted(known)) or 'none'}."
            )
        if any(len(value) > _LONGEST_VALUE for value in found.values()):
            raise InvalidArgument(
                f"{where}.{what}.labels has a value of more than {_LONGEST_VALUE} characters."
            )
    if missing := {label.key for label in resource.labels} - resource_labels.keys():
        raise InvalidArgument(
            f"{where}.resource.labels must have {', '.join(sorted(missing))}, too."
        )
    if resource_labels["project_id"] != project:
        raise InvalidArgument(f"{where}.resource.labels.project_id must be {project}.")
    return Identity(
        series.metric.type, labels(metric_labels), resource.type, labels(resource_labels)
    )


def point_of(series: Any, descriptor: Any, last: Point | None, now: int, where: str) -> Point:
    """The point of a series to be written after `last`; raises InvalidArgument."""
    (sent,) = series.points
    kind, value_type = descriptor.metric_kind, descriptor.value_type
    field = type(sent.value).pb(sent.value).WhichOneof("value")
    same = series.metric_kind in (0, kind) and series.value_type in (0, value_type)
    if TYPES[field] != value_type or not same:
        raise InvalidArgument(
            f"{where}: {descriptor.type} is {Kind.Name(kind)} with values of type "
            f"{Type.Name(value_type)}; write such points, or delete its descriptor."
        )
    if not sent.interval.end_time:
        raise InvalidArgument(f"{where}.points[0].interval.endTime is required.")
    end = micros(sent.interval.end_time)
    start = micros(sent.interval.start_time) if sent.interval.start_time else end
    if not now - _OLDEST <= end <= now + _FUTURE:
        raise InvalidArgument(
            f"{where}.points[0].interval.endTime must be in the last 25 hours, or in the next five "
            "minutes."
        )
    if (start != end) if kind == Kind.GAUGE else (start >= end):
        rule = "equal to" if kind == Kind.GAUGE else "earlier than"
        raise InvalidArgument(
            f"{where}.points[0].interval.startTime must be {rule} endTime, as {descriptor.type} is "
            f"{Kind.Name(kind)}."
        )
    if last is not None:
        if end <= last.end:
            raise InvalidArgument(
                f"{where}: points must be written in order; one with an endTime that is not "
                "earlier exists."
            )
        if end - last.end < _FASTEST:
            raise InvalidArgument(
                f"{where}: a time series may have one point in five seconds; write it later."
            )
        if kind == Kind.CUMULATIVE and start != last.start and start < last.end + SECOND // 1000:
            raise InvalidArgument(
                f"{where}: a new startTime of a CUMULATIVE metric must be a millisecond or more "
                "after the endTime of the last point."
            )
    return Point(start, end, read_value(sent.value))
