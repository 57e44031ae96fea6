import math
from itertools import product

import pytest

from titleholder.analysis.limits import ArmMetrics, Metrics, check_limits

RATE = Metrics(table="ops.serving", min_requests=1000, max_error_rate=0.01)
BESIDE = Metrics(table="ops.serving", min_requests=1000, max_error_rate_increase=0.005)
SLOW = Metrics(table="ops.serving", min_requests=1000, max_latency_ms=200.0)
TIMES = Metrics(table="ops.serving", min_requests=1000, max_latency_ratio=1.5)
BOTH = Metrics(table="ops.serving", min_requests=1000, max_error_rate=0.01, max_latency_ms=200.0)
GOOD = ArmMetrics(9000, 9, 100.0)


@pytest.mark.parametrize(
    ("champion", "challenger", "limits", "outcome", "says"),
    [
        (GOOD, ArmMetrics(1000, 10, 100), RATE, "kept", "limits are kept on 1000 requests"),
        (
            *(GOOD, ArmMetrics(1000, 11, 100), RATE, "broken"),
            "the challenger's error rate of 1.1 % is more than 1 %",
        ),
        (
            GOOD,
            ArmMetrics(999, 999, 100),
            RATE,
            "too few",
            "999 requests that the challenger answered",
        ),
        (GOOD, ArmMetrics(), RATE, "too few", "0 requests"),
        (ArmMetrics(), ArmMetrics(), RATE, "too few", "0 requests"),
        # A champion of which too little is known is not known to break anything.
        (ArmMetrics(999, 999), ArmMetrics(1000, 11), RATE, "broken", "the challenger's error rate"),
        (ArmMetrics(9000, 900), ArmMetrics(1000, 11), RATE, "both", "and so is the champion's"),
        (
            *(ArmMetrics(9000, 900), ArmMetrics(1000, 10), RATE, "champion"),
            "the champion's error rate of 10 % is more than 1 %",
        ),
        (ArmMetrics(9000, 90), ArmMetrics(1000, 15), BESIDE, "kept", ""),
        (
            *(ArmMetrics(9000, 90), ArmMetrics(1000, 16), BESIDE, "broken"),
            "error rate, beside the champion, of 1.6 % is more than 1.5 %",
        ),
        (
            ArmMetrics(999, 0),
            ArmMetrics(1000, 500),
            BESIDE,
            "too few",
            "999 requests that the champion answered",
        ),
        (GOOD, ArmMetrics(1000, 0, 200), SLOW, "kept", ""),
        (
            *(GOOD, ArmMetrics(1000, 0, 201), SLOW, "broken"),
            "the challenger's latency of 201 ms is more than 200 ms",
        ),
        (GOOD, ArmMetrics(1000, 0, 150), TIMES, "kept", ""),
        (
            GOOD,
            ArmMetrics(1000, 0, 151),
            TIMES,
            "broken",
            "beside the champion, of 151 ms is more than 15",
        ),
        (
            ArmMetrics(999, 0, 1),
            ArmMetrics(1000, 0, 151),
            TIMES,
            "too few",
            "the champion answered",
        ),
        # One breaks this and the other that: nobody is better.
        (
            ArmMetrics(9000, 900, 100),
            ArmMetrics(1000, 0, 900),
            BOTH,
            "champion",
            "the champion's error rate",
        ),
        (
            *(ArmMetrics(9000, 900, 100), ArmMetrics(1000, 900, 900), BOTH, "broken"),
            "the challenger's latency of 900 ms",
        ),
        (
            ArmMetrics(9000, 900, 900),
            ArmMetrics(1000, 900, 900),
            BOTH,
            "both",
            "error rate of 90 % is more tha",
        ),
        # Nobody can have counted that.
        (
            GOOD,
            ArmMetrics(1000, 1001),
            RATE,
            "impossible",
            "1001 errors in 1000 requests of the challeng",
        ),
        (GOOD, ArmMetrics(1000, -1), RATE, "impossible", ""),
        (GOOD, ArmMetrics(-1, 0), RATE, "impossible", "-1 requests of the challenger cannot be"),
        (GOOD, ArmMetrics(math.nan, 0), RATE, "impossible", "nan requests"),
        (GOOD, ArmMetrics(math.inf, 0), RATE, "impossible", ""),
        (GOOD, ArmMetrics(1000, math.nan), RATE, "impossible", ""),
        (ArmMetrics(9000, math.nan), ArmMetrics(1000, 900), RATE, "impossible", "of the champion"),
        (GOOD, ArmMetrics(1000, 0), SLOW, "impossible", "a latency of nan ms"),
        (GOOD, ArmMetrics(1000, 0, -1), SLOW, "impossible", ""),
        # What is not limited is not looked at.
        (GOOD, ArmMetrics(1000, 0, math.nan), RATE, "kept", ""),
        (GOOD, ArmMetrics(1000, math.nan, 1), SLOW, "kept", ""),
    ],
)
def test_what_is_found(
    champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics, outcome: str, says: str
) -> None:
    found = check_limits(champion, challenger, limits)
    assert found.outcome == outcome, found
    assert says in found.reason


def test_it_is_total_and_nothing_odd_sends_a_challenger_home() -> None:
    odd = [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.5, 1e308]
    arms = [ArmMetrics(*values) for values in product(odd, odd, [math.nan, 0.0, 1e308])]
    every = Metrics(
        table="ops.serving",
        min_requests=1,
        max_error_rate=0.0,
        max_error_rate_increase=0.0,
        max_latency_ms=1.0,
        max_latency_ratio=1.0,
    )
    for champion, challenger in product(arms, arms):
        found = check_limits(champion, challenger, every)
        if found.outcome == "broken":
            assert 0 <= challenger.errors <= challenger.requests < math.inf
            assert challenger.requests >= 1
