"""Error spending functions: the part of an error rate that a test may have used by a time. No I/O.

`time` is 0 at the beginning of a test and 1 at its planned end; `alpha` is the one-sided error rate
of the whole test. Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika
70 (1983); the power family is of Kim and DeMets, Biometrika 74 (1987).
"""

import math
from statistics import NormalDist

_NORMAL = NormalDist()
RESERVE = 0.02
"""The part of the error rate that is left for looks after the planned end."""


def obrien_fleming(time: float, alpha: float) -> float:
    """2 (1 - Phi(z / sqrt(time))), z the upper alpha/2 quantile: hardly anything at the beginning,
    as the boundaries of O'Brien and Fleming. alpha 0.025, time 0.2: 5.4e-7."""
    if time <= 0:
        return 0.0
    z = _NORMAL.inv_cdf(1 - alpha / 2)
    return math.erfc(z / math.sqrt(2 * min(time, 1.0)))


def pocock(time: float, alpha: float) -> float:
    """alpha log(1 + (e - 1) time): nearly the same boundary at every look, as Pocock's.
    alpha 0.025, time 0.2: 0.0074."""
    return alpha * math.log1p((math.e - 1) * min(max(time, 0.0), 1.0))


def power_family(time: float, alpha: float, rho: float) -> float:
    """alpha time^rho; between the two with rho 3 and 1. alpha 0.025, time 0.2, rho 3: 0.0002."""
    return alpha * float(min(max(time, 0.0), 1.0) ** rho)


def beyond_the_end(time: float, alpha: float, rho: float) -> float:
    """The power family that keeps RESERVE for looks after the end, however many: of it,
    1 - 1 / time is spent by then."""
    reserve = RESERVE * alpha
    later = reserve * (1 - 1 / time) if time > 1 else 0.0
    return power_family(time, alpha - reserve, rho) + later
