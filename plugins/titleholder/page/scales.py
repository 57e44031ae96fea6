"""Where values lie in a chart, and the round ones among them that its axes name."""

import math
from collections.abc import Callable


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """From low..high to the pixels first..last; a range of nothing maps to their middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within low..high, some `about` of them; one where the range is nothing."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda m: abs(m * power - rough)) * power
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def spaced(marks: list[tuple[float, str]], least: float) -> list[tuple[float, str]]:
    """Those marks, of pixels that rise, that lie at least `least` pixels after the one before."""
    kept: list[tuple[float, str]] = []
    for place, text in marks:
        if not kept or place - kept[-1][0] >= least:
            kept.append((place, text))
    return kept
