"""Where values lie in a chart, and the round ones among them that its axes name."""

from collections.abc import Callable
from typing import Any


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """From low..high to the pixels first..last; a range of nothing maps to their middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within low..high, some `about` of them; one where the range is nothing."""
    import math

    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda m: abs(m * power - rough)) * power
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


def day_marks(days: list[dict[str, Any]]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where the days lie across a figure, in pixels, and some eight of them as its marks."""
    from datetime import date

    numbers = [date.fromisoformat(day["day"]).toordinal() for day in days]
    at = scale(min(numbers), max(numbers), 92, 684)
    places = [at(number) for number in numbers]
    step = -(-len(days) // 8)
    return places, [
        (place, f"{date.fromordinal(number):%d %b}")
        for place, number in list(zip(places, numbers, strict=True))[::step]
    ]
