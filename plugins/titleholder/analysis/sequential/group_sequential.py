"""Group sequential tests: boundaries for looks at accumulating data. No I/O.

At look k a test sees the standardised statistic Z_k of all data so far. Its *information* I_k is
the inverse of the variance of the estimate, here the number of rows over the variance of one row;
only ratios matter to the boundaries, so the number of rows does as well. With *drift* d, the true
effect in standard deviations of one unit of information, Z_k is normal with mean d sqrt(I_k) and
variance 1, and Z_j, Z_k have the covariance sqrt(I_j / I_k) for j <= k. So given Z_{k-1} = x,

    Z_k ~ N( (x sqrt(I_{k-1}) + d (I_k - I_{k-1})) / sqrt(I_k), (I_k - I_{k-1}) / I_k )

by which the density of Z_k in the paths that have crossed no boundary before is an integral over
that of Z_{k-1}: the recursive numerical integration of Armitage, McPherson and Rowe, "Repeated
significance tests on accumulating data", JRSS A 132 (1969); Jennison and Turnbull, "Group
Sequential Methods with Applications to Clinical Trials" (2000), chapter 19. A boundary solves

    P(no crossing before k, Z_k >= b_k | d = 0) = the error spent at look k

as Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983).

All tests here are one-sided; the other side is the same test of -Z. They allow any look: unequal,
missed, added, after the planned end, or without new data.
"""

# Five equal looks, 0.025 spent as 2 (1 - Phi(2.2414 / sqrt(t))): the first look spends 5.4e-7,
# which a normal variable exceeds at b_1 = 4.877. At the second look 0.00039 more is spent, with the
# correlation sqrt(1/2) to the first: b_2 = 3.357; then 2.680, 2.290 and 2.031.

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NORMAL = NormalDist()
_ROOT_2 = math.sqrt(2)
_HALF_ROOT = math.sqrt(0.5)
_ROOT_TAU = math.sqrt(math.tau)
# Less error than this is not spent: the boundary is infinite.
_NOTHING = 1e-13
# A look with less than this part of new information counts as one without any.
_SAME = 1e-3
# erfc(5.5) is 7e-15.
_REACH = 5.5
# Standard deviations beyond which paths do not matter: of those far below hardly one will cross a
# boundary, of those above each would.
_BELOW, _ABOVE = 4.5, 6.0


@functools.lru_cache(maxsize=512)
def boundaries(information: tuple[float, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    """The boundary of each look: a path is stopped at the first look k with Z_k >= b_k.

    `information` is positive and does not fall, `spent` is the error that may be used up to and
    including each look, at least 0 and below 1, not falling. inf where a look may not spend
    anything. Raises ValueError for other input.

    Two equal looks, 0.0125 and 0.025 spent: (2.2414, 2.1251).
    """
    _require(information, spent)
    found: list[float] = []
    paths, last = _Paths.start(), 0.0
    for stage, here, after in _stages(information):
        for look in stage:
            guess = 2 * found[-1] - found[-2] if len(found) > 1 else math.inf
            # Without new information the boundary falls, and lets pass what may be spent more.
            found.append(paths.upper(here, spent[look] - last, guess))
        last = spent[stage[-1]]
        paths = paths.stopped(here, after, found[-1])
    return tuple(found)


def lower_boundaries(
    information: tuple[float, ...],
    uppers: tuple[float, ...],
    spent: tuple[float, ...],
    drift: float,
) -> tuple[float, ...]:
    """The futility boundary of each look: with that `drift`, the probability to fall below one by a
    look, before crossing an upper boundary, is the `spent` of that look.

    It does not exceed the upper one, and is -inf where nothing is spent. Arguments as in
    `boundaries`.
    """
    _require(information, spent)
    found: list[float] = []
    paths, last = _Paths.start(drift), 0.0
    for stage, here, after in _stages(information):
        found += [min(paths.lower(here, spent[look] - last), uppers[look]) for look in stage]
        last = spent[stage[-1]]
        paths = paths.stopped(here, after, min(uppers[look] for look in stage), found[-1])
    return tuple(found)


def crossing(
    information: Sequence[float],
    uppers: Sequence[float],
    drift: float,
    start: tuple[float, float] = (0.0, 0.0),
    lowers: Sequence[float] = (),
) -> list[float]:
    """The probability to cross the upper boundary at each look for the first time, by paths that
    are above the `lowers`, if there are any.

    `start` is (Z, information) of a look before these, from which the paths begin: then these are
    conditional powers.
    """
    found: list[float] = []
    paths = _Paths.start(drift, start)
    for stage, here, after in _stages(information):
        passed = 0.0
        if here - start[1] <= _SAME * here:  # nothing new since the start
            found += [0.0 for _ in stage]
            continue
        upper = math.inf
        for look in stage:
            upper = min(upper, uppers[look])
            before, passed = passed, paths.tail(here, upper)
            found.append(passed - before)
        lower = max((lowers[look] for look in stage), default=-math.inf) if lowers else -math.inf
        paths = paths.stopped(here, after, upper, lower)
    return found


def adjusted_drift(
    information: tuple[float, ...], uppers: tuple[float, ...], z: float, level: float = 0.5
) -> float:
    """The drift with which a path stops as early as this one, or at its look above `z`, with the
    probability `level`: at 0.5 the median unbiased estimate, at 0.025 and 0.975 the ends of a 95 %
    interval.

    The path is stopped at the last of the looks with Z = `z`. Outcomes are ordered by the look,
    then by Z: the stage-wise ordering of Tsiatis, Rosner and Mehta, "Exact confidence intervals
    following a group sequential test", Biometrics 40 (1984). With one look it is the plain
    estimate, z / sqrt(I).
    """
    ends = (*uppers[:-1], z)
    # Each look alone is crossed with `level` at a drift that is not below the one wanted, and with
    # so little at a drift below it that all looks together are crossed with `level` at most.
    pairs = [*zip(ends, information, strict=True)]
    low, high = (
        min((b - _NORMAL.inv_cdf(1 - p)) / math.sqrt(i) for b, i in pairs)
        for p in (level / len(ends), level)
    )
    return _root(lambda d: sum(crossing(information, ends, d)) - level, low, high)


def detectable_drift(
    information: tuple[float, ...],
    uppers: tuple[float, ...],
    power: float,
    lowers: Sequence[float] = (),
) -> float:
    """The drift with which a path crosses an upper boundary with the probability `power`, while it
    is above the `lowers`, if there are any."""
    high = 20 / math.sqrt(information[-1])
    return _root(lambda d: sum(crossing(information, uppers, d, lowers=lowers)) - power, 0.0, high)


def _stages(information: Sequence[float]) -> Iterator[tuple[list[int], float, float]]:
    """The numbers of the looks, those without new information together, with the information of
    these, and of the next ones (inf after the last)."""
    stages: list[list[int]] = []
    for look, rows in enumerate(information):
        if stages and rows - information[stages[-1][0]] <= _SAME * rows:
            stages[-1].append(look)
        else:
            stages.append([look])
    ends = [*(information[stage[0]] for stage in stages), math.inf]
    return zip(stages, ends[:-1], ends[1:], strict=True)


def _require(information: Sequence[float], spent: Sequence[float]) -> None:
    rising = all(a <= b for one in (information, spent) for a, b in itertools.pairwise(one))
    if len(information) != len(spent) or not rising or not all(map(math.isfinite, information)):
        raise ValueError(f"information {information} and error {spent} must not fall")
    if information and not (information[0] > 0 and spent[0] >= 0 and spent[-1] < 1):
        raise ValueError(f"information {information} must be above 0, error {spent} from 0 to 1")


def _root(rising: Any, low: float, high: float) -> float:
    """Where a rising function of probabilities is 0, to 1e-6: false position with halved ends, the
    Illinois method."""
    at_low, at_high = rising(low), rising(high)
    if at_low >= 0 or at_high <= 0:
        return low if at_low >= 0 else high
    tolerance, side = 1e-7 * (high - low), 0
    while high - low > tolerance:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = rising(middle)
        # Between neighbouring floats, or beside them by rounding, there is nothing to search.
        if abs(value) < 1e-6 or not low < middle < high:
            return float(middle)
        if value > 0:
            high, at_high = middle, value
            at_low = at_low / 2 if side > 0 else at_low
            side = 1
        else:
            low, at_low = middle, value
            at_high = at_high / 2 if side < 0 else at_high
            side = -1
    return (low + high) / 2


class _Paths:
    """The paths that are not stopped after a look with that information: their density of Z as
    `masses` at `points`."""

    def __init__(
        self,
        points: "NDArray[Any]",
        masses: "NDArray[Any]",
        information: float,
        drift: float,
    ) -> None:
        self._points = points
        self._masses = masses
        self._information = information
        self._drift = drift

    @classmethod
    def start(cls, drift: float = 0.0, at: tuple[float, float] = (0.0, 0.0)) -> "_Paths":
        """All paths, before the first look, or at (Z, information) of an earlier one."""
        import numpy as np

        z, information = at
        return cls(np.array([z]), np.ones(1), information, drift)

    def tail(self, information: float, z: float) -> float:
        """The probability of Z >= `z` at the look with that information."""
        if math.isinf(z):
            return 0.0 if z > 0 else float(self._masses.sum())
        means, deviation = self._next(information)
        return self._above(means, deviation, z)[0]

    def upper(self, information: float, error: float, guess: float = math.inf) -> float:
        """The z with the tail `error`, near `guess`; inf for no error, -inf for all."""
        if error <= _NOTHING:
            return math.inf
        if error >= self._masses.sum():
            return -math.inf
        return self._quantile(*self._next(information), error, guess)

    def lower(self, information: float, error: float) -> float:
        """The z below which the probability is `error`."""
        mirrored = _Paths(-self._points, self._masses, self._information, -self._drift)
        return -mirrored.upper(information, error)

    def stopped(
        self, information: float, after: float, upper: float, lower: float = -math.inf
    ) -> "_Paths":
        """The paths with lower <= Z < upper at the look with that information, for a next look with
        the information `after`."""
        means, deviation = self._next(information)
        center = self._drift * math.sqrt(information)
        low, high = max(lower, center - _BELOW), min(upper, center + _ABOVE)
        # Both the density and what it is multiplied with next are as smooth as that.
        smooth = min(deviation, math.sqrt(1 - information / after))
        points, weights = _grid(low, max(high, low + 1e-9), smooth)
        return _Paths(
            points, weights * self._density(means, deviation, points), information, self._drift
        )

    def _next(self, information: float) -> tuple["NDArray[Any]", float]:
        """The mean of Z at that look for each point, and its standard deviation."""
        grown = information - self._information
        root = math.sqrt(information)
        means = (self._points * math.sqrt(self._information) + self._drift * grown) / root
        return means, math.sqrt(grown / information)

    def _above(self, means: "NDArray[Any]", deviation: float, z: float) -> tuple[float, float]:
        """The probability of Z >= z, and its slope in -z, the density."""
        import numpy as np

        distances = (z - means) * (1 / (deviation * _ROOT_2))
        near = distances < _REACH
        distances, masses = distances[near], self._masses[near]
        tails = [math.erfc(one) for one in distances.tolist()]
        density = float(np.exp(-distances * distances) @ masses) / (deviation * _ROOT_TAU)
        return 0.5 * float(masses @ tails) if tails else 0.0, density

    def _density(
        self, means: "NDArray[Any]", deviation: float, z: "NDArray[Any]"
    ) -> "NDArray[Any]":
        import numpy as np

        exponents = (z[:, None] - means) * (_HALF_ROOT / deviation)
        exponents *= -exponents
        densities = np.exp(exponents, out=exponents) @ self._masses
        return densities * (1 / (deviation * _ROOT_TAU))  # type: ignore[no-any-return]

    def _quantile(
        self, means: "NDArray[Any]", deviation: float, error: float, guess: float
    ) -> float:
        """Newton's method for log(tail), which is concave and nearly linear, within a bracket."""
        low, high = float(means.min()) - 9 * deviation, float(means.max()) + 9 * deviation
        z = guess if low < guess < high else min(max(_NORMAL.inv_cdf(1 - error), low), high)
        for _ in range(100):
            found, slope = self._above(means, deviation, z)
            low, high = (z, high) if found > error else (low, z)
            step = math.log(found / error) * found / slope if found > 0 and slope > 0 else math.inf
            if abs(step) < 1e-4:  # the error of the next z is of the order of its square
                return z + step
            z = z + step if low < z + step < high else (low + high) / 2
        return z


@functools.cache
def _unit_grid(panels: int) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Points and weights of Gauss-Legendre with 16 points in each panel of the interval 0 to 1."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss(16)
    starts = np.arange(panels)[:, None]
    return ((starts + 0.5 * (points + 1)) / panels).ravel(), np.tile(weights / (2 * panels), panels)


def _grid(low: float, high: float, deviation: float) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Points and weights to integrate what is as smooth as a normal density with that `deviation`:
    in panels of at most 12 deviations."""
    panels = min(max(math.ceil((high - low) / (12 * deviation)), 2), 48)
    points, weights = _unit_grid(panels)
    return low + (high - low) * points, (high - low) * weights
