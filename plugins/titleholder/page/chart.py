"""The layout of the chart of verdicts over time, in pixels. No I/O."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from titleholder.page.verdict_points import VerdictPoint

TOP, BOTTOM = 30, 222


@dataclass(frozen=True)
class Dot:
    """A verdict with an estimate: its position, and the ends of its interval, if it has one."""

    point: VerdictPoint
    x: float
    y: float
    top: float | None
    bottom: float | None


@dataclass(frozen=True)
class ChallengerSpan:
    """The horizontal span of one challenger's verdicts; `label` is "" where it would not fit."""

    x: float
    end: float
    version: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart of `width` x 250. `zero` and `margin` are the heights of these values; `y_ticks`
    and `x_ticks` are pixel and text."""

    width: int
    left: int
    dots: list[Dot]
    spans: list[ChallengerSpan]
    zero: float
    margin: float | None
    y_ticks: list[tuple[float, str]]
    x_ticks: list[tuple[float, str]]

    @property
    def right(self) -> int:
        """The right end of the plot."""
        return self.width - 12


def chart(points: Sequence[VerdictPoint], width: int) -> Chart | None:
    """The chart of these verdicts, oldest first; None when none of them has an estimate."""
    drawn = [point for point in points if point.estimate is not None]
    if not drawn:
        return None
    margin = drawn[-1].margin
    values = [
        value
        for point in drawn
        for value in (point.estimate, point.low, point.high, 0.0, -margin)
        if value is not None
    ]
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or 1.0
    y = scale(low - pad, high + pad, BOTTOM, TOP)
    y_ticks = [(y(value), f"{value:.5g}") for value in ticks(low - pad, high + pad)]
    left = 16 + 7 * max((len(text) for _, text in y_ticks), default=0)
    times = [point.time.timestamp() for point in drawn]
    x = scale(times[0], times[-1], left + 18, width - 30)
    dots = [
        Dot(
            point,
            x(time),
            y(point.estimate or 0.0),
            None if point.high is None else y(point.high),
            None if point.low is None else y(point.low),
        )
        for point, time in zip(drawn, times, strict=True)
    ]
    return Chart(
        width=width,
        left=left,
        dots=dots,
        spans=_spans(dots, left, width - 12),
        zero=y(0.0),
        margin=y(-margin) if margin else None,
        y_ticks=y_ticks,
        x_ticks=spaced([(dot.x, f"{dot.point.time:%d %b}") for dot in dots], 60),
    )


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """The linear map from low..high to the pixels first..last; an empty range maps to their
    middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within low..high, some `about` of them; one for an empty range."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda m: abs(m * power - rough)) * power
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def spaced(marks: list[tuple[float, str]], distance: float) -> list[tuple[float, str]]:
    """The marks, of ascending pixels, that are at least `distance` after the one before."""
    result: list[tuple[float, str]] = []
    for pixel, text in marks:
        if not result or pixel - result[-1][0] >= distance:
            result.append((pixel, text))
    return result


def _spans(dots: Sequence[Dot], left: float, right: float) -> list[ChallengerSpan]:
    """Spans meet halfway between the last verdict on one challenger and the first on the next."""
    groups = [list(group) for _, group in groupby(dots, key=lambda dot: dot.point.version)]
    starts = [left, *((a[-1].x + b[0].x) / 2 for a, b in pairwise(groups))]
    spans = []
    for group, start, end in zip(groups, starts, [*starts[1:], right], strict=True):
        version = group[0].point.version
        fits = 6.5 * len(version) + 10 < end - start
        spans.append(ChallengerSpan(start, end, version, version if fits else ""))
    return spans
