"""Alignment of time series, and their reduction to fewer. No I/O.

Source: Aggregation in google/monitoring/v3/common.proto. Not documented, and therefore chosen: the
periods are counted back from the end of the interval; a point belongs to the period in which it
ends; a period without a point has no value (Google interpolates some).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

from google.cloud.monitoring_v3 import types

from sandbox.monitoring.distributions import Distribution, merged, percentile
from sandbox.monitoring.errors import InvalidArgument, Unimplemented
from sandbox.monitoring.series import (
    SECOND,
    Identity,
    Kind,
    Labels,
    Point,
    Series,
    Type,
    Value,
)

_Aligner: Any = types.Aggregation.Aligner
_Reducer: Any = types.Aggregation.Reducer
_LARGEST: Final = 2**63 - 1
_SHORTEST: Final = 60
_LONGEST: Final = 104 * 7 * 86_400
_NUMERIC: Final = frozenset((Type.INT64, Type.DOUBLE))
_COUNTED: Final = _NUMERIC | {Type.BOOL}
_ADDED: Final = _NUMERIC | {Type.DISTRIBUTION}
_DISTRIBUTION: Final = frozenset((Type.DISTRIBUTION,))
_PLAIN_KINDS: Final = frozenset((Kind.GAUGE, Kind.DELTA))
_FLOWING: Final = frozenset((Kind.DELTA, Kind.CUMULATIVE))
_SAME: Final = None
Combine = Callable[[Sequence[Any]], Value]


def _total(values: Sequence[Any]) -> Value:
    if isinstance(values[0], Distribution):
        return merged(values)
    total = sum(values)
    return min(max(total, -_LARGEST - 1), _LARGEST) if isinstance(total, int) else total


def _mean(values: Sequence[Any]) -> float:
    return merged(values).mean if isinstance(values[0], Distribution) else fmean(values)


def _last(values: Sequence[Any]) -> Value:
    last: Value = values[-1]
    return last


def _percentile(percent: float) -> Combine:
    def found(values: Sequence[Any]) -> float:
        if isinstance(values[0], Distribution):
            return percentile(merged(values), percent)
        ordered = sorted(values)
        position = (len(ordered) - 1) * percent / 100
        low = int(position)
        high = min(low + 1, len(ordered) - 1)
        return float(ordered[low] + (ordered[high] - ordered[low]) * (position - low))

    return found


# Aligner: how values become one, the kinds and types of the input, the type of the result.
_ALIGNERS: Final[dict[Any, tuple[Combine, frozenset[int], frozenset[int], int | None]]] = {
    _Aligner.ALIGN_DELTA: (_total, _FLOWING, _ADDED, _SAME),
    _Aligner.ALIGN_RATE: (_total, _FLOWING, _NUMERIC, Type.DOUBLE),
    _Aligner.ALIGN_NEXT_OLDER: (_last, frozenset((Kind.GAUGE,)), _COUNTED, _SAME),
    _Aligner.ALIGN_MIN: (min, _PLAIN_KINDS, _NUMERIC, _SAME),
    _Aligner.ALIGN_MAX: (max, _PLAIN_KINDS, _NUMERIC, _SAME),
    _Aligner.ALIGN_MEAN: (_mean, _PLAIN_KINDS, _NUMERIC, Type.DOUBLE),
    _Aligner.ALIGN_COUNT: (len, _PLAIN_KINDS, _COUNTED, Type.INT64),
    _Aligner.ALIGN_SUM: (_total, _PLAIN_KINDS, _ADDED, _SAME),
    **{
        getattr(_Aligner, f"ALIGN_PERCENTILE_{text}"): (
            *(_percentile(int(text)), _PLAIN_KINDS, _DISTRIBUTION, Type.DOUBLE),
        )
        for text in ("99", "95", "50", "05")
    },
}
_REDUCERS: Final[dict[Any, tuple[Combine, frozenset[int], int | None]]] = {
    _Reducer.REDUCE_MEAN: (_mean, _ADDED, Type.DOUBLE),
    _Reducer.REDUCE_MIN: (min, _NUMERIC, _SAME),
    _Reducer.REDUCE_MAX: (max, _NUMERIC, _SAME),
    _Reducer.REDUCE_SUM: (_total, _ADDED, _SAME),
    _Reducer.REDUCE_COUNT: (len, _ADDED | _COUNTED, Type.INT64),
    **{
        getattr(_Reducer, f"REDUCE_PERCENTILE_{text}"): (
            *(_percentile(int(text)), _ADDED, Type.DOUBLE),
        )
        for text in ("99", "95", "50", "05")
    },
}


def aggregate(found: Sequence[Series], how: Any, end: int) -> list[Series]:
    """The aligned and reduced series of an interval that ends at `end`.

    Raises InvalidArgument for an Aggregation that breaks a rule, or does not fit the series, and
    Unimplemented for an aligner or reducer that is not here.
    """
    aligner, reducer = how.per_series_aligner, how.cross_series_reducer
    if aligner == _Aligner.ALIGN_NONE:
        if reducer != _Reducer.REDUCE_NONE:
            raise InvalidArgument(
                "aggregation.crossSeriesReducer needs a perSeriesAligner other than ALIGN_NONE."
            )
        return list(found)
    if aligner not in _ALIGNERS:
        raise _missing("perSeriesAligner", aligner)
    if reducer != _Reducer.REDUCE_NONE and reducer not in _REDUCERS:
        raise _missing("crossSeriesReducer", reducer)
    seconds = how.alignment_period.total_seconds() if how.alignment_period else 0
    if not _SHORTEST <= seconds <= _LONGEST:
        raise InvalidArgument(
            f"aggregation.alignmentPeriod is {seconds:g} s; it must be {_SHORTEST} s to 104 weeks."
        )
    pick = _keys(how.group_by_fields) if reducer != _Reducer.REDUCE_NONE else None
    aligned = [_aligned(one, aligner, int(seconds * SECOND), end) for one in found]
    return aligned if pick is None else _reduced(aligned, reducer, pick)


def _aligned(one: Series, aligner: Any, period: int, end: int) -> Series:
    combine, kinds, value_types, result = _ALIGNERS[aligner]
    if one.kind not in kinds or one.value_type not in value_types:
        raise InvalidArgument(
            f"{aligner.name} cannot be applied to {one.identity.metric}, which is "
            f"{Kind.Name(one.kind)} with values of type {Type.Name(one.value_type)}; choose another"
            " perSeriesAligner."
        )
    delta = one.kind != Kind.GAUGE and aligner in (_Aligner.ALIGN_DELTA, _Aligner.ALIGN_SUM)
    windows: dict[int, list[Value]] = {}
    for point in _deltas(one) if one.kind == Kind.CUMULATIVE else one.points:
        windows.setdefault((end - point.end) // period, []).append(point.value)
    points = []
    for back, values in sorted(windows.items(), reverse=True):
        value = combine(values)
        if aligner == _Aligner.ALIGN_RATE:
            value = float(value) / (period / SECOND)  # type: ignore[arg-type]
        last = end - back * period
        points.append(Point(last - period if delta else last, last, value))
    kind = Kind.DELTA if delta else Kind.GAUGE
    unit = f"{one.unit}/s" if aligner == _Aligner.ALIGN_RATE else one.unit
    value_type = one.value_type if result is _SAME else result
    return replace(one, kind=kind, value_type=value_type, unit=unit, points=tuple(points))


def _deltas(one: Series) -> list[Point]:
    """What each point adds to the one before it; a new start is a reset to 0."""
    if one.value_type == Type.DISTRIBUTION:
        raise Unimplemented(
            f"{one.identity.metric}: the differences of CUMULATIVE distributions are not in the "
            "sandbox; use the real service for them."
        )
    found: list[Point] = []
    before = one.before
    for point in one.points:
        same = before is not None and before.start == point.start
        value: Any = point.value
        if before is not None and same:
            value -= before.value
        found.append(Point(before.end if before and same else point.start, point.end, value))
        before = point
    return found


_Group = tuple[Labels, str, Labels]


def _reduced(
    found: Iterable[Series], reducer: Any, pick: Callable[[Identity], _Group]
) -> list[Series]:
    combine, value_types, result = _REDUCERS[reducer]
    groups: dict[_Group, list[Series]] = {}
    for one in found:
        if one.value_type not in value_types:
            raise InvalidArgument(
                f"{reducer.name} cannot be applied to values of type {Type.Name(one.value_type)}; "
                "choose another crossSeriesReducer or perSeriesAligner."
            )
        groups.setdefault(pick(one.identity), []).append(one)
    reduced = []
    for (metric_labels, resource, resource_labels), members in groups.items():
        times: dict[tuple[int, int], list[Value]] = {}
        for member in members:
            for point in member.points:
                times.setdefault((point.end, point.start), []).append(point.value)
        points = tuple(
            Point(start, end, combine(values)) for (end, start), values in sorted(times.items())
        )
        first = members[0]
        identity = Identity(first.identity.metric, metric_labels, resource, resource_labels)
        value_type = first.value_type if result is _SAME else result
        kind = first.kind if value_type == first.value_type else Kind.GAUGE
        unit = "1" if reducer == _Reducer.REDUCE_COUNT else first.unit
        reduced.append(Series(identity, kind, value_type, unit, points))
    return reduced


def _keys(fields: Sequence[str]) -> Callable[[Identity], _Group]:
    metric: set[str] = set()
    resource: set[str] = set()
    for field in fields:
        root, _, key = field.replace(".label.", ".labels.", 1).partition(".labels.")
        if key and root in ("metric", "resource"):
            (metric if root == "metric" else resource).add(key.strip('"'))
        elif field not in ("resource.type", "metric.type"):
            raise InvalidArgument(
                f"aggregation.groupByFields has {field!r}; name metric.labels.KEY, "
                "resource.labels.KEY or resource.type."
            )

    def pick(identity: Identity) -> _Group:
        return (
            tuple(pair for pair in identity.metric_labels if pair[0] in metric),
            identity.resource,
            tuple(pair for pair in identity.resource_labels if pair[0] in resource),
        )

    return pick


def _missing(field: str, value: Any) -> Unimplemented:
    return Unimplemented(
        f"aggregation.{field} {value.name} is not in the sandbox; use the real service for it."
    )
