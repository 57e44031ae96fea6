import math
from itertools import product

import pytest

from titleholder.analysis.limits import Arm, Limits, check_limits

RATE = Limits(1000, error_rate=0.01)
BESIDE = Limits(1000, error_rate_above_champion=0.005)
SLOW = Limits(1000, latency=200.0)
TIMES = Limits(1000, latency_times_champion=1.5)
BOTH = Limits(1000, error_rate=0.01, latency=200.0)
GOOD = Arm(9000, 9, 100.0)


@pytest.mark.parametrize(
    ("champion", "challenger", "limits", "outcome", "says"),
    [
        (GOOD, Arm(1000, 10, 100), RATE, "kept", "limits are kept on 1000 requests"),
        (
            *(GOOD, Arm(1000, 11, 100), RATE, "broken"),
            "the challenger's error rate of 1.1 % is more than 1 %",
        ),
        (GOOD, Arm(999, 999, 100), RATE, "too few", "999 requests that the challenger answered"),
        (GOOD, Arm(), RATE, "too few", "0 requests"),
        (Arm(), Arm(), RATE, "too few", "0 requests"),
        # A champion of which too little is known is not known to break anything.
        (Arm(999, 999), Arm(1000, 11), RATE, "broken", "the challenger's error rate"),
        (Arm(9000, 900), Arm(1000, 11), RATE, "both", "and so is the champion's"),
        (
            *(Arm(9000, 900), Arm(1000, 10), RATE, "champion"),
            "the champion's error rate of 10 % is more than 1 %",
        ),
        (Arm(9000, 90), Arm(1000, 15), BESIDE, "kept", ""),
        (
            *(Arm(9000, 90), Arm(1000, 16), BESIDE, "broken"),
            "error rate, beside the champion, of 1.6 % is more than 1.5 %",
        ),
        (Arm(999, 0), Arm(1000, 500), BESIDE, "too few", "999 requests that the champion answered"),
        (GOOD, Arm(1000, 0, 200), SLOW, "kept", ""),
        (
            *(GOOD, Arm(1000, 0, 201), SLOW, "broken"),
            "the challenger's latency of 201 ms is more than 200 ms",
        ),
        (GOOD, Arm(1000, 0, 150), TIMES, "kept", ""),
        (
            GOOD,
            Arm(1000, 0, 151),
            TIMES,
            "broken",
            "beside the champion, of 151 ms is more than 15",
        ),
        (Arm(999, 0, 1), Arm(1000, 0, 151), TIMES, "too few", "the champion answered"),
        # One breaks this and the other that: nobody is better.
        (Arm(9000, 900, 100), Arm(1000, 0, 900), BOTH, "champion", "the champion's error rate"),
        (
            *(Arm(9000, 900, 100), Arm(1000, 900, 900), BOTH, "broken"),
            "the challenger's latency of 900 ms",
        ),
        (Arm(9000, 900, 900), Arm(1000, 900, 900), BOTH, "both", "error rate of 90 % is more tha"),
        # Nobody can have counted that.
        (GOOD, Arm(1000, 1001), RATE, "impossible", "1001 errors in 1000 requests of the challeng"),
        (GOOD, Arm(1000, -1), RATE, "impossible", ""),
        (GOOD, Arm(-1, 0), RATE, "impossible", "-1 requests of the challenger cannot be"),
        (GOOD, Arm(math.nan, 0), RATE, "impossible", "nan requests"),
        (GOOD, Arm(math.inf, 0), RATE, "impossible", ""),
        (GOOD, Arm(1000, math.nan), RATE, "impossible", ""),
        (Arm(9000, math.nan), Arm(1000, 900), RATE, "impossible", "of the champion"),
        (GOOD, Arm(1000, 0), SLOW, "impossible", "a latency of nan ms"),
        (GOOD, Arm(1000, 0, -1), SLOW, "impossible", ""),
        # What is not limited is not looked at.
        (GOOD, Arm(1000, 0, math.nan), RATE, "kept", ""),
        (GOOD, Arm(1000, math.nan, 1), SLOW, "kept", ""),
    ],
)
def test_what_is_found(
    champion: Arm, challenger: Arm, limits: Limits, outcome: str, says: str
) -> None:
    found = check_limits(champion, challenger, limits)
    assert found.outcome == outcome, found
    assert says in found.reason


def test_it_is_total_and_nothing_odd_sends_a_challenger_home() -> None:
    odd = [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.5, 1e308]
    arms = [Arm(*values) for values in product(odd, odd, [math.nan, 0.0, 1e308])]
    every = Limits(1, 0.0, 0.0, 1.0, 1.0)
    for champion, challenger in product(arms, arms):
        found = check_limits(champion, challenger, every)
        if found.outcome == "broken":
            assert 0 <= challenger.errors <= challenger.requests < math.inf
            assert challenger.requests >= 1
