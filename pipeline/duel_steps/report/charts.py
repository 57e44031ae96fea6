"""Elements of charts as inline SVG, without script or external resource."""

from collections.abc import Callable
from typing import Any

from pipeline.duel_steps.accumulator import bin_edges


def figure(
    title: str,
    caption: str,
    body: str,
    x_ticks: list[tuple[float, str]],
    y_ticks: list[tuple[float, str]],
    height: int = 240,
) -> str:
    """A captioned chart of 720 x `height`; `body` is SVG, escaped, in 72..704 x 12..height-28.

    `x_ticks` and `y_ticks` are pixels and texts.
    """
    from html import escape

    base = height - 28
    grid = "".join(
        f'<line class="grid" x1="72" x2="704" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="64" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
        for y, text in y_ticks
    ) + "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>'
        f'<text class="tick" x="{x:.1f}" y="{base + 19}" text-anchor="middle">{escape(text)}</text>'
        for x, text in x_ticks
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b> {escape(caption)}</figcaption>"
        f'<svg viewBox="0 0 720 {height}" role="img" aria-label="{escape(title)}">'
        f"{grid}{body}</svg></figure>"
    )


def line(points: list[tuple[float, float]], kind: str) -> str:
    """A line through these pixels, of the class `kind`."""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" points="{text}"/>'


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """Maps low..high to the pixels first..last; an empty range maps to their middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within low..high, `about` of them; one of an empty range."""
    import math

    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda m: abs(m * power - rough)) * power
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


def day_ticks(days: list[dict[str, Any]]) -> tuple[list[float], list[tuple[float, str]]]:
    """The x of each day in a figure, in pixels, and about eight of them as ticks."""
    from datetime import date

    numbers = [date.fromisoformat(day["day"]).toordinal() for day in days]
    x = scale(min(numbers), max(numbers), 92, 684)
    step = -(-len(days) // 8)
    texts = [(x(number), f"{date.fromordinal(number):%d %b}") for number in numbers[::step]]
    return [x(number) for number in numbers], texts


def even_bins(counts: dict[str, Any], low: float | None, high: float | None) -> tuple[Any, Any]:
    """40 bins of equal width: their 41 edges, and by role the fraction of its values in each.

    `counts` are those of `bin_counts`, whose values count as evenly spread within a bin. Without
    `low` and `high` the bins span the 0.5th to the 99.5th percentile of all values, so that a few
    outliers do not press the rest into one bin.
    """
    import numpy as np

    edges = bin_edges()

    def cumulative(count: Any) -> Any:
        return np.concatenate([[0.0], np.cumsum(count)]) / max(1, count.sum())

    if low is None or high is None:
        total = cumulative(sum(counts.values()))
        # By edges, not by np.interp, which needs increasing numbers.
        low = edges[max(0, np.searchsorted(total, 0.005, side="right") - 1)]
        high = edges[min(len(edges) - 1, np.searchsorted(total, 0.995, side="left"))]
    even = np.linspace(low, high, 41)
    fractions = {
        role: np.diff(np.interp(even, edges, cumulative(count))) for role, count in counts.items()
    }
    return even, fractions
