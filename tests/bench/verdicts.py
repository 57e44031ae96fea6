"""`python -m tests.bench.verdicts`: how often a verdict is wrong, and how long a right one takes.

Rollouts with as many new labelled rows each day, looked at every day by the verdict's group
sequential design and, on the same rows, by a confidence sequence, by the z test that most people
would repeat daily, and by one z test at the end, the best that is possible. Rows are independent.
"""

import argparse
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from titleholder.analysis.checks import max_row_weight
from titleholder.analysis.sequential.confidence_sequence import radius, rho_squared
from titleholder.analysis.sequential.design import (
    Design,
    Look,
    boundaries_of,
    futility_boundaries,
)
from titleholder.config.duel import Duel

DUEL = Duel(loss="zero_one", target="y")
ALPHA, MINIMUM_N = DUEL.alpha, DUEL.min_rows
ROWS = 285  # a day, as the example has
NORMAL = NormalDist()
Z = NORMAL.inv_cdf(1 - ALPHA)  # of one look
Z_RECENT = NORMAL.inv_cdf(0.95)  # of recent_regression

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How many rollouts, and the new labelled rows of each day."""

    rollouts: int
    days: tuple[int, ...]

    @property
    def rows(self) -> int:
        """All rows of a rollout."""
        return sum(self.days)


def daily(rollouts: int, days: int, rows: int = ROWS) -> Shape:
    """That many rows on each of the days."""
    return Shape(rollouts, (rows,) * days)


@dataclass(frozen=True)
class Course:
    """All differences so far: `n` of each day; mean, sample variance, skewness and the heaviest
    row's part of the sum of squares, one row a rollout and one column a day."""

    n: Floats
    mean: Floats
    variance: Floats
    skewness: Floats
    heaviest: Floats


Ends = tuple[Floats, Floats]
"""The distances from the estimate to the low and the high end, in standard errors, by day."""
Scene = Callable[[np.random.Generator, Shape], Course]


def zero_one(
    rng: np.random.Generator, shape: Shape, better: float = 0, differ: float = 0.12
) -> Course:
    """Right or wrong: the models differ on that share of the rows, and the challenger is right on
    `better` more of them."""
    chances = [(differ + better) / 2, (differ - better) / 2, 1 - differ]
    size = (shape.rollouts, len(shape.days))
    wins, losses, _ = np.moveaxis(rng.multinomial(shape.days, chances, size), 2, 0)
    ones = np.ones(size)
    return _course(shape, wins - losses, wins + losses, wins - losses, -ones, ones)


def squared(rng: np.random.Generator, shape: Shape, better: float = 0) -> Course:
    """Squared errors of two models whose errors are normal and correlate by 0.8: the tails of the
    difference are exponential. `better` in units of the loss."""

    def draw(rows: int) -> Floats:
        one = rng.standard_normal((shape.rollouts, rows), dtype=np.float32)
        other = 0.8 * one + 0.6 * rng.standard_normal(one.shape, dtype=np.float32)
        return (one * one - other * other).astype(float) + better

    return _drawn(shape, draw)


def skewed(rng: np.random.Generator, shape: Shape) -> Course:
    """A challenger that is a little better on most rows and as much worse on the whole by rare
    great losses, lognormal with sigma 1.5: their skewness is 33."""

    def draw(rows: int) -> Floats:
        return math.exp(1.125) - np.exp(1.5 * rng.standard_normal((shape.rollouts, rows)))

    return _drawn(shape, draw)


# Variance of one row's difference: a share of rows that differ; 4 (1 - 0.8^2).
SHAPES: dict[str, tuple[Callable[..., Course], float]] = {
    "zero-one": (zero_one, 0.12),
    "squared": (squared, 1.44),
}


def _drawn(shape: Shape, draw: Callable[[int], Floats]) -> Course:
    days = []
    for rows in shape.days:
        x = draw(rows)
        sums = (x.sum(axis=1), (x * x).sum(axis=1), (x * x * x).sum(axis=1))
        days.append((*sums, x.min(axis=1), x.max(axis=1)))
    return _course(shape, *np.moveaxis(np.array(days), 0, 2))


def _course(
    shape: Shape,
    sums: Floats,
    squares: Floats,
    cubes: Floats,
    smallest: Floats,
    largest: Floats,
) -> Course:
    n = np.cumsum(shape.days).astype(float)
    mean = sums.cumsum(axis=1) / n
    variance = (squares.cumsum(axis=1) - n * mean * mean) / (n - 1)
    second, third = squares.cumsum(axis=1) / n, cubes.cumsum(axis=1) / n
    central = third - 3 * mean * second + 2 * mean**3
    skewness = central / np.maximum(variance, 1e-100) ** 1.5
    low, high = np.minimum.accumulate(smallest, axis=1), np.maximum.accumulate(largest, axis=1)
    far = np.maximum(mean - low, high - mean)
    heaviest = far * far / np.maximum(variance, 1e-300) / (n - 1)
    return Course(n, mean, variance, skewness, heaviest)


def design(days: int) -> Design:
    """The design of the verdicts on a rollout of that many days, with the default rules."""
    begins = datetime(2026, 11, 16, tzinfo=UTC)
    ends = begins + timedelta(days=days)
    rates = DUEL.alpha, DUEL.rollback_alpha, DUEL.hypothesis, DUEL.margin
    about = DUEL.target, DUEL.loss, DUEL.futility, MINIMUM_N
    return Design("group_sequential", begins, ends, days, *rates, *about)


def group_sequential(n: Floats, planned_days: int, times: Sequence[float] = ()) -> Ends:
    """The verdict's ends, with looks at these times, in days, by default one at the end of each."""
    plan = design(planned_days)
    at = times or range(1, len(n) + 1)
    # Looks with too few rows are none.
    looks = [Look(day / planned_days, rows) for day, rows in zip(at, n, strict=True)]
    seen = [look for look in looks if look.rows >= MINIMUM_N]
    without = np.full(len(looks) - len(seen), np.inf)
    low, high = (
        np.concatenate([without, boundaries_of(plan, seen, side)])
        for side in ("promotion", "rollback")
    )
    return low, high


def futility(n: Floats, days: int) -> Floats:
    """The standard errors below which a challenger is given up, by day."""
    plan = replace(design(days), futility=True)
    looks = [Look((day + 1) / days, rows) for day, rows in enumerate(n)]
    bounds = np.array(futility_boundaries(plan, looks, boundaries_of(plan, looks, "promotion")))
    bounds[-1] = -np.inf  # at the end there is nothing to give up
    return bounds


def confidence_sequence(n: Floats) -> Ends:
    """The ends of the confidence sequence with the same errors, tuned to half of the rows."""
    rho2 = rho_squared(2 * ALPHA, max(n[-1] / 2, 1))
    ends = np.array([radius(rows, 2 * ALPHA, rho2) * math.sqrt(rows) for rows in n])
    return ends, ends


def every_day(n: Floats) -> Ends:
    """A z test, each day as if it were the only one."""
    return np.full(len(n), Z), np.full(len(n), Z)


def at_the_end(n: Floats) -> Ends:
    """One z test, on the last day."""
    ends = np.full(len(n), np.inf)
    ends[-1] = Z
    return ends, ends


def recent_regression(course: Course, margin: float = 0) -> NDArray[np.bool_]:
    """Where some stretch of newest days with MINIMUM_N rows is worse by more than the margin."""
    sums = course.n * course.mean
    squares = (course.n - 1) * course.variance + sums * course.mean
    found = np.zeros(sums.shape, bool)
    for first in range(1, len(course.n)):  # the window begins after that many days
        n = course.n[first:] - course.n[first - 1]
        enough = n >= MINIMUM_N
        n = np.where(enough, n, np.nan)
        mean = (sums[:, first:] - sums[:, [first - 1]]) / n
        variance = (squares[:, first:] - squares[:, [first - 1]] - n * mean * mean) / (n - 1)
        half = Z_RECENT * np.sqrt(np.maximum(variance, 0) / n)
        found[:, first:] |= enough & (mean + half < -margin)
    return found & (course.mean >= -margin)


def evaluate(
    course: Course,
    ends: Ends,
    margin: float = 0,
    heaviest_row: float | None = None,
    held: NDArray[np.bool_] | None = None,
    first_day: int = 1,
    corrected: bool = True,
) -> tuple[Floats, Floats]:
    """The first day, from 1, on which each rollout is promoted and rolled back; infinite where it
    is not, or where the other came first. `margin` is that of non-inferiority. No promotion while
    one row carries more than `heaviest_row` of the sum of squares, by default the verdict's limit,
    where `held`, and before `first_day`. The ends are `corrected` for skewness, as the verdict's
    are."""
    error = np.where(course.n < MINIMUM_N, np.inf, np.sqrt(course.variance / course.n))
    sides = [np.broadcast_to(one, course.mean.shape) for one in ends]
    if corrected:
        sides = [
            one + np.maximum(sign * course.skewness, 0) * (2 * one**2 + 1) / (6 * np.sqrt(course.n))
            for one, sign in ((np.minimum(sides[0], 99), -1), (np.minimum(sides[1], 99), 1))
        ]
    low, high = course.mean - sides[0] * error, course.mean + sides[1] * error
    most = [max_row_weight(n) if heaviest_row is None else heaviest_row for n in course.n]
    earned = (low > -margin) & (course.heaviest <= most)
    if held is not None:
        earned &= ~held
    earned[:, : first_day - 1] = False
    up, down = _first(earned), _first(high < -margin)
    return np.where(up < down, up, np.inf), np.where(down < up, down, np.inf)


def _first(condition: NDArray[np.bool_]) -> Floats:
    return np.where(condition.any(axis=1), condition.argmax(axis=1) + 1.0, np.inf)


@dataclass(frozen=True)
class Line:
    """Shares of the rollouts that end promoted: by the test at the end, by the verdict, with the
    mean day, by the confidence sequence and by the daily z test. `rolled_back` is the verdict's."""

    what: str
    days: int
    at_the_end: float
    promoted: float
    rolled_back: float
    day: float
    confidence_sequence: float
    every_day: float


def compare(what: str, course: Course, margin: float = 0) -> Line:
    """All tests on the same rows; the two that hold at every look with all rules of the verdict."""
    n, days = course.n, len(course.n)
    held = recent_regression(course, margin)
    up, down = evaluate(course, group_sequential(n, days), margin, held=held)
    forever, _ = evaluate(course, confidence_sequence(n), margin, held=held)
    naive, _ = evaluate(course, every_day(n), margin, 1.0, corrected=False)
    last, _ = evaluate(course, at_the_end(n), margin, 1.0, corrected=False)
    rates = [float(np.isfinite(one).mean()) for one in (last, up, down, forever, naive)]
    promoted = up[np.isfinite(up)]
    day = float(promoted.mean()) if len(promoted) else math.nan
    return Line(what, days, *rates[:3], day, *rates[3:])


def simulate(what: str, scene: Scene, shape: Shape, margin: float = 0, seed: int = 1) -> Line:
    """A line, drawn in blocks that fit into memory."""
    return compare(what, drawn(scene, shape, seed), margin)


NAMES = ("mean", "variance", "skewness", "heaviest")


def drawn(scene: Scene, shape: Shape, seed: int = 1) -> Course:
    """The rollouts of a scene."""
    rng = np.random.default_rng(seed)
    blocks = [
        scene(rng, replace(shape, rollouts=min(2_000, shape.rollouts - done)))
        for done in range(0, shape.rollouts, 2_000)
    ]
    whole = ([getattr(one, name) for one in blocks] for name in NAMES)
    return Course(blocks[0].n, *map(np.concatenate, whole))


def power_lines(rollouts: int, days: int) -> dict[float, list[Line]]:
    """By the power of the test at the end, a line for each loss; 0 for equal models."""
    shape, found = daily(rollouts, days), {}
    for power in (0.0, 0.5, 0.8, 0.95):
        z = Z + NORMAL.inv_cdf(power) if power else 0.0
        what = f"found in {power:.0%} at the end" if power else "equal"
        found[power] = [
            simulate(
                f"{what}, {name}",
                functools.partial(scene, better=z * math.sqrt(variance / shape.rows)),
                shape,
            )
            for name, (scene, variance) in SHAPES.items()
        ]
    return found


@dataclass(frozen=True)
class GivenUp:
    """Shares promoted beside those without futility, and given up, with the mean day."""

    what: str
    days: int
    promoted: float
    given_up: float
    day: float


def with_futility(rollouts: int, days: int) -> list[GivenUp]:
    """Zero-one losses, with `duel.futility`."""
    shape, found = daily(rollouts, days), []
    for power in (0.0, 0.5, 0.95):
        better = (Z + NORMAL.inv_cdf(power) if power else 0.0) * math.sqrt(0.12 / shape.rows)
        course = drawn(functools.partial(zero_one, better=better), shape)
        ends, held = group_sequential(course.n, days), recent_regression(course)
        up, down = evaluate(course, ends, held=held)
        z = course.mean / np.sqrt(course.variance / course.n)
        leaves = _first(z < futility(course.n, days))
        first = np.minimum(np.minimum(up, down), np.inf)
        given_up = leaves < first
        promoted = np.isfinite(up) & ~given_up
        what = f"found in {power:.0%} at the end" if power else "equal"
        part = promoted.mean() / np.isfinite(up).mean()
        day = float(leaves[given_up].mean()) if given_up.any() else math.nan
        found.append(GivenUp(what, days, float(part), float(given_up.mean()), day))
    return found


def odd_looks(rollouts: int, seed: int = 2) -> dict[str, float]:
    """The shares of equal models that are promoted, of a design of seven days, by odd looks."""
    weekend = (400, 400, 400, 400, 400, 40, 40)
    plans: dict[str, tuple[Shape, list[float]]] = {
        "looks missed": (Shape(rollouts, (570, 855, 285)), [2, 5, 6]),
        "two looks a day, no weekend rows": (
            Shape(rollouts, tuple(rows // 2 for rows in weekend for _ in "ab")),
            [half / 2 for half in range(1, 15)],
        ),
        "looks at any time": (Shape(rollouts, (150, 800, 1, 3, 700)), [0.2, 3.3, 3.4, 3.5, 6.9]),
        "100 looks after the end": (daily(rollouts, 107, 60), []),
    }
    found = {}
    for what, (shape, times) in plans.items():
        course = drawn(zero_one, shape, seed)
        up, _ = evaluate(course, group_sequential(course.n, 7, times))
        found[what] = float(np.isfinite(up).mean())
    return found


def turned(rollouts: int, good: int, seed: int = 4) -> tuple[float, float]:
    """A challenger that is 4 points better for that many of 28 days and then 4 points worse, with
    500 rows a day, and may be promoted when it has been so for two: the share that is, without and
    with a look at the newest days."""
    rng, shape = np.random.default_rng(seed), daily(rollouts, 28, 500)
    size = (rollouts, 28)
    draws = np.moveaxis(rng.multinomial(500, [0.08, 0.04, 0.88], size), 2, 0)
    sign = np.where(np.arange(28) < good, 1, -1)
    ones = np.ones(size)
    gains = sign * (draws[0] - draws[1])
    course = _course(shape, gains, draws[0] + draws[1], gains, -ones, ones)
    ends = group_sequential(course.n, 28)
    without, with_it = (
        float(np.isfinite(evaluate(course, ends, held=held, first_day=good + 2)[0]).mean())
        for held in (None, recent_regression(course))
    )
    return without, with_it


HEAD = ("the challenger is", "days", "at the end", "promoted", "rolled back", "day")
HEAD += ("for ever", "daily z")


def cells(line: Line) -> tuple[str, ...]:
    """A line as text: per cent, and the mean day of a promotion."""
    rates = (line.at_the_end, line.promoted, line.rolled_back)
    day = "-" if math.isnan(line.day) else f"{line.day:.1f}"
    others = (line.confidence_sequence, line.every_day)
    return (
        line.what,
        f"{line.days}",
        *(f"{rate:.2%}" for rate in rates),
        day,
        *(f"{rate:.2%}" for rate in others),
    )


def other_lines(rollouts: int, days: int) -> list[Line]:
    """Rare great losses, a margin, and harm."""
    shape = daily(rollouts, days)
    harm = -(Z + NORMAL.inv_cdf(0.95)) * math.sqrt(0.12 / shape.rows)
    worse = functools.partial(zero_one, better=harm)
    return [
        simulate("equal, skewed", skewed, shape),
        simulate("worse, as great, zero-one", worse, shape),
        simulate("worse by the margin, zero-one", worse, shape, -harm),
        simulate("equal, with that margin", zero_one, shape, -harm),
    ]


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10_000)
    rollouts = parser.parse_args().rollouts
    print(f"{rollouts:,} rollouts a line, {ROWS} rows a day, alpha {ALPHA}")
    print(("{:32}" + "{:>12}" * 7).format(*HEAD))
    for days in (7, 28):
        lines = [line for found in power_lines(rollouts, days).values() for line in found]
        for line in (*lines, *other_lines(rollouts, days)):
            print(("{:32}" + "{:>12}" * 7).format(*cells(line)), flush=True)
        for one in with_futility(rollouts, days):
            print(
                f"with futility, {one.what}: {one.given_up:.1%} given up, on day {one.day:.1f}; "
                f"{one.promoted:.3f} of the promotions"
            )
    for what, promoted in odd_looks(rollouts).items():
        print(f"equal, {what}: {promoted:.2%}")
    without, with_it = turned(rollouts, 7)
    print(
        "4 points better for 7 days, then 4 points worse, promoted on the 9th or later: "
        f"{with_it:.2%}; without a look at the newest days {without:.2%}"
    )


if __name__ == "__main__":
    main()
