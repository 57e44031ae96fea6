"""`python -m tests.bench.verdicts`: how often a verdict is wrong, and how long a right one takes.

Rollouts of 28 days with as many new labelled rows each day, looked at every day, by our interval
and, on the same rows, by the z test that most people would repeat daily. Rows are independent.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titleholder.analysis.sequential.confidence_sequence import radius, rho_squared

DAYS = 28
# The defaults of the rules.
ALPHA, MINIMUM_N, HEAVIEST_ROW = 0.05, 100, 0.1
# Of the normal distribution, for an interval that is looked at once.
Z = 1.959964

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How many rollouts, and how many new labelled rows each day."""

    rollouts: int
    rows: int


@dataclass(frozen=True)
class Course:
    """All differences so far: `n` of each day; mean, sample variance and the heaviest row's part
    of the sum of squares, one row a rollout and one column a day."""

    n: Floats
    mean: Floats
    variance: Floats
    heaviest: Floats


@dataclass(frozen=True)
class Line:
    """Shares of the rollouts that end promoted and rolled back, and the middle day of it, None
    where most never end so; for ours and for the naive test."""

    what: str
    promoted: float
    rolled_back: float
    day: float | None
    naive_promoted: float
    naive_rolled_back: float
    naive_day: float | None


def zero_one(
    rng: np.random.Generator, shape: Shape, better: float = 0, differ: float = 0.12
) -> Course:
    """Right or wrong: the models differ on that share of the rows, and the challenger is right on
    `better` more of them."""
    chances = [(differ + better) / 2, (differ - better) / 2, 1 - differ]
    wins, losses, _ = np.moveaxis(
        rng.multinomial(shape.rows, chances, (shape.rollouts, DAYS)), 2, 0
    )
    ones = np.ones((shape.rollouts, DAYS))
    return _course(shape.rows, wins - losses, wins + losses, -ones, ones)


def squared(rng: np.random.Generator, shape: Shape, better: float = 0) -> Course:
    """Squared errors of two models whose errors are normal and correlate by 0.8: the tails of the
    difference are exponential. `better` in standard deviations of the difference."""

    def draw() -> Floats:
        one = rng.standard_normal((shape.rollouts, shape.rows), dtype=np.float32)
        other = 0.8 * one + 0.6 * rng.standard_normal(one.shape, dtype=np.float32)
        # Var(a^2 - b^2) = 4 (1 - 0.8^2) = 1.44
        return (one * one - other * other).astype(float) + better * 1.2

    return _drawn(shape, draw)


def skewed(rng: np.random.Generator, shape: Shape) -> Course:
    """A challenger that is a little better on most rows and as much worse on the whole by rare
    great losses, lognormal with sigma 1.5: their skewness is 33."""

    def draw() -> Floats:
        return math.exp(1.125) - np.exp(1.5 * rng.standard_normal((shape.rollouts, shape.rows)))

    return _drawn(shape, draw)


def _drawn(shape: Shape, draw: Callable[[], Floats]) -> Course:
    days = []
    for _ in range(DAYS):
        x = draw()
        days.append((x.sum(axis=1), (x * x).sum(axis=1), x.min(axis=1), x.max(axis=1)))
    return _course(shape.rows, *np.moveaxis(np.array(days), 0, 2))


def _course(rows: int, sums: Floats, squares: Floats, smallest: Floats, largest: Floats) -> Course:
    n = rows * np.arange(1.0, DAYS + 1)
    mean = sums.cumsum(axis=1) / n
    variance = (squares.cumsum(axis=1) - n * mean * mean) / (n - 1)
    low, high = np.minimum.accumulate(smallest, axis=1), np.maximum.accumulate(largest, axis=1)
    far = np.maximum(mean - low, high - mean)
    return Course(n, mean, variance, far * far / np.maximum(variance, 1e-300) / (n - 1))


def ours(course: Course, planned_rows: int) -> Floats:
    """Half the interval's width, by the verdict's own formula."""
    rho2 = rho_squared(ALPHA, planned_rows)
    return np.sqrt(course.variance) * [radius(n, ALPHA, rho2) for n in course.n]


def naive(course: Course) -> Floats:
    """Half the width of the interval of a z test, each day as if it were the only one."""
    return np.sqrt(course.variance / course.n) * Z


def recent_regression(course: Course, margin: float) -> NDArray[np.bool_]:
    """Where some stretch of newest days with MINIMUM_N rows is worse by more than the margin."""
    sums = course.n * course.mean
    squares = (course.n - 1) * course.variance + sums * course.mean
    found = np.zeros(sums.shape, bool)
    for days in range(math.ceil(MINIMUM_N / course.n[0]), DAYS):
        n = course.n[0] * days
        mean = (sums[:, days:] - sums[:, :-days]) / n
        variance = (squares[:, days:] - squares[:, :-days] - n * mean * mean) / (n - 1)
        found[:, days:] |= mean + Z * np.sqrt(variance / n) < -margin
    return found & (course.mean >= -margin)


def evaluate(
    course: Course,
    half: Floats,
    margin: float,
    heaviest_row: float,
    held: NDArray[np.bool_] | None = None,
    first_day: int = 1,
) -> tuple[Floats, Floats]:
    """The first day, from 1, on which each rollout is promoted and rolled back; infinite where it
    is not, or where the other came first. `margin` is that of non-inferiority. No promotion while
    one row carries more than `heaviest_row` of the sum of squares, where `held`, and before
    `first_day`."""
    half = np.where(course.n < MINIMUM_N, np.inf, half)
    earned = (course.mean - half > -margin) & (course.heaviest <= heaviest_row)
    if held is not None:
        earned &= ~held
    earned[:, : first_day - 1] = False
    up = _first(earned)
    down = _first(course.mean + half < -margin)
    return np.where(up < down, up, np.inf), np.where(down < up, down, np.inf)


def _first(condition: NDArray[np.bool_]) -> Floats:
    return np.where(condition.any(axis=1), condition.argmax(axis=1) + 1.0, np.inf)


def compare(what: str, course: Course, planned_rows: int = MINIMUM_N, margin: float = 0) -> Line:
    """Both tests on the same rows."""
    found: list[float | None] = []
    held = recent_regression(course, margin)
    for up, down in (
        evaluate(course, ours(course, planned_rows), margin, HEAVIEST_ROW, held),
        evaluate(course, naive(course), margin, 1.0),
    ):
        # The day of what happens more often.
        day = min(float(np.median(up)), float(np.median(down)))
        found += [float(np.isfinite(up).mean()), float(np.isfinite(down).mean())]
        found.append(day if np.isfinite(day) else None)
    return Line(what, *found)  # type: ignore[arg-type]


NAMES = ("mean", "variance", "heaviest")
SCENES: dict[str, tuple[Callable[[np.random.Generator, Shape], Course], float]] = {
    "equal, zero-one": (zero_one, 0),
    "equal, squared": (squared, 0),
    "equal, skewed": (skewed, 0),
    "2 points worse": (lambda rng, shape: zero_one(rng, shape, -0.02), 0),
    "1 point better": (lambda rng, shape: zero_one(rng, shape, 0.01), 0),
    "2 points better": (lambda rng, shape: zero_one(rng, shape, 0.02), 0),
    "equal, margin 2 points": (zero_one, 0.02),
    "2 points worse, margin 2": (lambda rng, shape: zero_one(rng, shape, -0.02), 0.02),
}


def simulate(shape: Shape, planned_rows: int = MINIMUM_N, seed: int = 1) -> list[Line]:
    """Every scene with that many rollouts, in blocks that fit into memory."""
    rng = np.random.default_rng(seed)
    lines = []
    for what, (scene, margin) in SCENES.items():
        blocks = [
            scene(rng, Shape(min(2_000, shape.rollouts - i), shape.rows))
            for i in range(0, shape.rollouts, 2_000)
        ]
        whole = Course(
            blocks[0].n,
            *(np.concatenate([getattr(block, name) for block in blocks]) for name in NAMES),
        )
        lines.append(compare(what, whole, planned_rows, margin))
    return lines


def turned(shape: Shape, good: int, planned_rows: int, seed: int = 4) -> tuple[float, float]:
    """A challenger that is 4 points better for that many days and then 4 points worse, and may be
    promoted when it has been so for two: the share that is, without and with a look at the newest
    days."""
    rng = np.random.default_rng(seed)
    chances = [0.08, 0.04, 0.88]
    draws = np.moveaxis(rng.multinomial(shape.rows, chances, (shape.rollouts, DAYS)), 2, 0)
    sign = np.where(np.arange(DAYS) < good, 1, -1)
    ones = np.ones((shape.rollouts, DAYS))
    course = _course(shape.rows, sign * (draws[0] - draws[1]), draws[0] + draws[1], -ones, ones)
    half = ours(course, planned_rows)
    promoted = [
        float(np.isfinite(evaluate(course, half, 0, HEAVIEST_ROW, held, good + 2)[0]).mean())
        for held in (None, recent_regression(course, 0))
    ]
    return promoted[0], promoted[1]


def table(lines: list[Line]) -> str:
    """The lines as text: per cent, and days."""
    rows = [
        f"{'':26}{'ours':>9}{'':>20}{'naive daily z':>18}",
        f"{'the challenger is':26}{'promoted':>9}{'rolled back':>13}{'day':>5}"
        f"{'promoted':>12}{'rolled back':>13}{'day':>5}",
    ]
    for one in lines:
        rows.append(
            f"{one.what:26}{one.promoted:9.2%}{one.rolled_back:13.2%}{_day(one.day):>5}"
            f"{one.naive_promoted:12.2%}{one.naive_rolled_back:13.2%}{_day(one.naive_day):>5}"
        )
    return "\n".join(rows)


def _day(day: float | None) -> str:
    return "-" if day is None else f"{day:.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{options.rollouts:,} rollouts a line, {DAYS} daily looks, alpha {ALPHA}")
    for rows, planned_rows in ((50, MINIMUM_N), (500, MINIMUM_N), (500, 2_500)):
        print(f"\n{rows} rows a day, planned rows {planned_rows:,}")
        shape = Shape(options.rollouts, rows)
        print(table(simulate(shape, planned_rows)))
        without, with_it = turned(shape, 7, planned_rows)
        print(
            "4 points better for 7 days, then 4 points worse, promoted on the 9th or later: "
            f"{with_it:.2%}; without a look at the newest days {without:.2%}"
        )


if __name__ == "__main__":
    main()
