import math
from itertools import product

import pytest

from titleholder.analysis.issues import GuardrailIssue as Issue
from titleholder.analysis.limits import ArmMetrics, check_limits
from titleholder.config.guardrails import Metrics

RATE = Metrics(table="ops.serving", min_requests=1000, max_error_rate=0.01)
RELATIVE_RATE = Metrics(table="ops.serving", min_requests=1000, max_error_rate_increase=0.005)
LATENCY = Metrics(table="ops.serving", min_requests=1000, max_latency_ms=200.0)
RELATIVE_LATENCY = Metrics(table="ops.serving", min_requests=1000, max_latency_ratio=1.5)
BOTH = Metrics(table="ops.serving", min_requests=1000, max_error_rate=0.01, max_latency_ms=200.0)
GOOD = ArmMetrics(9000, 9, 100.0)


@pytest.mark.parametrize(
    ("champion", "challenger", "limits", "issue", "reason"),
    [
        (GOOD, ArmMetrics(1000, 10, 100), RATE, None, "limits are kept on 1000 requests"),
        (
            *(GOOD, ArmMetrics(1000, 11, 100), RATE, Issue.CHALLENGER_LIMITS),
            "the challenger's error rate of 1.1 % is more than 1 %",
        ),
        (
            GOOD,
            ArmMetrics(999, 999, 100),
            RATE,
            Issue.INSUFFICIENT_REQUESTS,
            "999 requests to the challenger are fewer than 1000",
        ),
        (GOOD, ArmMetrics(), RATE, Issue.INSUFFICIENT_REQUESTS, "0 requests"),
        (ArmMetrics(), ArmMetrics(), RATE, Issue.INSUFFICIENT_REQUESTS, "0 requests"),
        # A champion with too few requests does not break a limit.
        (
            ArmMetrics(999, 999),
            ArmMetrics(1000, 11),
            RATE,
            Issue.CHALLENGER_LIMITS,
            "the challenger's error rate",
        ),
        (
            ArmMetrics(9000, 900),
            ArmMetrics(1000, 11),
            RATE,
            Issue.BOTH_LIMITS,
            "and so is the champion's",
        ),
        (
            *(ArmMetrics(9000, 900), ArmMetrics(1000, 10), RATE, Issue.CHAMPION_LIMITS),
            "the champion's error rate of 10 % is more than 1 %",
        ),
        (ArmMetrics(9000, 90), ArmMetrics(1000, 15), RELATIVE_RATE, None, ""),
        (
            *(ArmMetrics(9000, 90), ArmMetrics(1000, 16), RELATIVE_RATE, Issue.CHALLENGER_LIMITS),
            "error rate, beside the champion, of 1.6 % is more than 1.5 %",
        ),
        (
            ArmMetrics(999, 0),
            ArmMetrics(1000, 500),
            RELATIVE_RATE,
            Issue.INSUFFICIENT_REQUESTS,
            "999 requests to the champion are fewer than 1000",
        ),
        (GOOD, ArmMetrics(1000, 0, 200), LATENCY, None, ""),
        (GOOD, ArmMetrics(1000, 0, 0), LATENCY, None, "limits are kept"),
        (
            *(GOOD, ArmMetrics(1000, 0, 201), LATENCY, Issue.CHALLENGER_LIMITS),
            "the challenger's latency of 201 ms is more than 200 ms",
        ),
        (GOOD, ArmMetrics(1000, 0, 150), RELATIVE_LATENCY, None, ""),
        (
            GOOD,
            ArmMetrics(1000, 0, 151),
            RELATIVE_LATENCY,
            Issue.CHALLENGER_LIMITS,
            "beside the champion, of 151 ms is more than 15",
        ),
        (
            ArmMetrics(999, 0, 1),
            ArmMetrics(1000, 0, 151),
            RELATIVE_LATENCY,
            Issue.INSUFFICIENT_REQUESTS,
            "requests to the champion are fewer",
        ),
        # Each model breaks another limit.
        (
            ArmMetrics(9000, 900, 100),
            ArmMetrics(1000, 0, 900),
            BOTH,
            Issue.CHAMPION_LIMITS,
            "the champion's error rate",
        ),
        (
            *(
                ArmMetrics(9000, 900, 100),
                ArmMetrics(1000, 900, 900),
                BOTH,
                Issue.CHALLENGER_LIMITS,
            ),
            "the challenger's latency of 900 ms",
        ),
        (
            ArmMetrics(9000, 900, 900),
            ArmMetrics(1000, 900, 900),
            BOTH,
            Issue.BOTH_LIMITS,
            "error rate of 90 % is more tha",
        ),
        # Impossible metrics.
        (
            GOOD,
            ArmMetrics(1000, 1001),
            RATE,
            Issue.INVALID_METRICS,
            "challenger: 1001 errors in 1000 requests",
        ),
        (GOOD, ArmMetrics(1000, -1), RATE, Issue.INVALID_METRICS, ""),
        (
            GOOD,
            ArmMetrics(-1, 0),
            RATE,
            Issue.INVALID_METRICS,
            "impossible metrics of the challenger: -1",
        ),
        (GOOD, ArmMetrics(math.nan, 0), RATE, Issue.INVALID_METRICS, "nan requests"),
        (GOOD, ArmMetrics(math.inf, 0), RATE, Issue.INVALID_METRICS, ""),
        (GOOD, ArmMetrics(1000, math.nan), RATE, Issue.INVALID_METRICS, ""),
        (
            ArmMetrics(9000, math.nan),
            ArmMetrics(1000, 900),
            RATE,
            Issue.INVALID_METRICS,
            "metrics of the champion",
        ),
        (GOOD, ArmMetrics(1000, 0), LATENCY, Issue.INVALID_METRICS, "a latency of nan ms"),
        (GOOD, ArmMetrics(1000, 0, -1), LATENCY, Issue.INVALID_METRICS, ""),
        # Metrics without a limit are not checked.
        (GOOD, ArmMetrics(1000, 0, math.nan), RATE, None, ""),
        (GOOD, ArmMetrics(1000, math.nan, 1), LATENCY, None, ""),
    ],
)
def test_findings(
    champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics, issue: Issue | None, reason: str
) -> None:
    found = check_limits(champion, challenger, limits)
    assert found.issue is issue, found
    assert reason in found.reason


def test_any_metrics_have_a_finding_and_impossible_ones_never_roll_back() -> None:
    values = [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.5, 1e308]
    arms = [ArmMetrics(*metrics) for metrics in product(values, values, [math.nan, 0.0, 1e308])]
    all_limits = Metrics(
        table="ops.serving",
        min_requests=1,
        max_error_rate=0.0,
        max_error_rate_increase=0.0,
        max_latency_ms=1.0,
        max_latency_ratio=1.0,
    )
    for champion, challenger in product(arms, arms):
        found = check_limits(champion, challenger, all_limits)
        if found.issue is Issue.CHALLENGER_LIMITS:
            assert 0 <= challenger.errors <= challenger.requests < math.inf
            assert challenger.requests >= 1
