"""The layout of the chart of the champion's loss over time, in pixels. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from titleholder.page.chart import BOTTOM, TOP, scale, spaced, ticks
from titleholder.page.watching import LossPoint


@dataclass(frozen=True)
class LossDot:
    """A day, and its position."""

    point: LossPoint
    x: float
    y: float


@dataclass(frozen=True)
class ReferenceLine:
    """The reference of one champion: a horizontal line over its days, with its version."""

    start: float
    end: float
    y: float
    version: str


@dataclass(frozen=True)
class LossChart:
    """A chart of `width` x 250. `promotions` are pixel and version; `label` is "" where it would
    not fit. `lines` are the positions of the days of one champion, to be joined."""

    width: int
    left: int
    dots: list[LossDot]
    lines: list[str]
    references: list[ReferenceLine]
    promotions: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_ticks: list[tuple[float, str]]

    @property
    def right(self) -> int:
        """The right end of the plot."""
        return self.width - 12


def loss_chart(
    points: Sequence[LossPoint], promotions: Sequence[tuple[datetime, str]], width: int
) -> LossChart | None:
    """The chart of these days, oldest first; None without any."""
    if not points:
        return None
    values = [value for one in points for value in (one.loss, one.reference) if value is not None]
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    y = scale(low - pad, high + pad, BOTTOM, TOP)
    y_ticks = [(y(value), f"{value:.5g}") for value in ticks(low - pad, high + pad)]
    left = 16 + 7 * max((len(text) for _, text in y_ticks), default=0)
    times = [point.time.timestamp() for point in points]
    x = scale(times[0], times[-1], left + 18, width - 30)
    dots = [
        LossDot(point, x(time), y(point.loss)) for point, time in zip(points, times, strict=True)
    ]
    by_champion = [list(group) for _, group in groupby(dots, key=lambda dot: dot.point.champion)]
    return LossChart(
        width=width,
        left=left,
        dots=dots,
        lines=[
            " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in group)
            for group in by_champion
            if len(group) > 1
        ],
        references=[
            ReferenceLine(group[0].x - 6, group[-1].x + 6, y(reference), group[0].point.version)
            for group in by_champion
            if (reference := group[-1].point.reference) is not None
        ],
        promotions=_labelled(
            [
                (x(time.timestamp()), version)
                for time, version in promotions
                if times[0] <= time.timestamp() <= times[-1]
            ]
        ),
        y_ticks=y_ticks,
        x_ticks=spaced([(dot.x, f"{dot.point.day:%d %b}") for dot in dots], 60),
    )


def _labelled(marks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The marks, whose text is left out where it would overlap the one before."""
    shown = {pixel for pixel, _ in spaced(marks, 90)}
    return [(pixel, text if pixel in shown else "") for pixel, text in marks]
