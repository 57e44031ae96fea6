"""The verdicts over time as a chart: where everything lies, in pixels. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from titleholder.page.scales import scale, spaced, ticks
from titleholder.page.verdict_points import VerdictPoint

HEIGHT, TOP, BOTTOM = 250, 30, 222


@dataclass(frozen=True)
class Dot:
    """A verdict with an estimate: where it is, and the ends of its interval, if it has one."""

    point: VerdictPoint
    x: float
    y: float
    top: float | None
    bottom: float | None


@dataclass(frozen=True)
class ChallengerSpan:
    """From where to where one challenger was judged; `label` is "" where it would not fit."""

    x: float
    end: float
    version: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart of `width` x HEIGHT. `upward` and `across` are the axes' marks: pixel and text."""

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
        """Where the plot ends."""
        return self.width - 12


def chart(looks: Sequence[VerdictPoint], width: int) -> Chart | None:
    """The chart of these verdicts, oldest first; None when none of them has an estimate."""
    drawn = [look for look in looks if look.estimate is not None]
    if not drawn:
        return None
    margin = drawn[-1].margin
    ends = [
        end
        for look in drawn
        for end in (look.estimate, look.low, look.high, 0.0, -margin)
        if end is not None
    ]
    low, high = min(ends), max(ends)
    pad = (high - low) * 0.08 or 1.0
    y = scale(low - pad, high + pad, BOTTOM, TOP)
    marks = [(y(value), f"{value:.5g}") for value in ticks(low - pad, high + pad)]
    left = 16 + 7 * max((len(text) for _, text in marks), default=0)
    times = [look.time.timestamp() for look in drawn]
    x = scale(times[0], times[-1], left + 18, width - 30)
    places = [x(time) for time in times]
    dots = [
        Dot(
            look,
            place,
            y(look.estimate or 0.0),
            None if look.high is None else y(look.high),
            None if look.low is None else y(look.low),
        )
        for look, place in zip(drawn, places, strict=True)
    ]
    days = [(place, f"{look.time:%d %b}") for look, place in zip(drawn, places, strict=True)]
    return Chart(
        width=width,
        left=left,
        dots=dots,
        spans=_spans(dots, left, width - 12),
        zero=y(0.0),
        margin=y(-margin) if margin else None,
        y_ticks=marks,
        x_ticks=spaced(days, 60),
    )


def _spans(dots: Sequence[Dot], left: float, right: float) -> list[ChallengerSpan]:
    """Halfway between the last verdict on one challenger and the first on the next it changes."""
    groups = [list(group) for _, group in groupby(dots, key=lambda dot: dot.point.version)]
    starts = [left, *((a[-1].x + b[0].x) / 2 for a, b in pairwise(groups))]
    found = []
    for group, start, end in zip(groups, starts, [*starts[1:], right], strict=True):
        version = group[0].point.version
        fits = 6.5 * len(version) + 10 < end - start
        found.append(ChallengerSpan(start, end, version, version if fits else ""))
    return found
