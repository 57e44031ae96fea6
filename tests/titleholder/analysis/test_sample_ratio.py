"""The sample ratio mismatch test: examples, an independent library and its error rate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.sample_ratio import check_sample_ratio

# champion, challenger, log e at 10 %: Multinomial(0.001, [0.9, 0.1], k=100) of savvi 0.3.1.
SAVVI = [
    (900, 100, -1.2066048002141656, "fits"),
    (940, 60, 8.158466393981143, "mismatch"),
    (860, 140, 6.001169378406644, "fits"),
    (9000, 900, 2.3570534721247896, "fits"),
    (5, 5, 0.5493829836665469, "insufficient_requests"),
]


@pytest.mark.parametrize(("champion", "challenger", "log_e", "outcome"), SAVVI)
def test_savvi_gives_the_same_e_value(
    champion: int, challenger: int, log_e: float, outcome: str
) -> None:
    found = check_sample_ratio(champion, challenger, 10)
    assert found.log_e_value == pytest.approx(log_e, abs=1e-6)
    assert found.outcome == outcome


def test_the_example_in_the_comment() -> None:
    # Beta(1, 1) is flat: the probability of none in three is 1/4, against 1/8 at 50 %.
    assert math.exp(check_sample_ratio(3, 0, 50, concentration=2).log_e_value) == pytest.approx(2)


def test_the_greatest_alpha_is_a_half() -> None:
    assert check_sample_ratio(900, 100, 10, alpha=0.5).outcome == "fits"
    with pytest.raises(ValueError, match="no test has"):
        check_sample_ratio(900, 100, 10, alpha=0.51)


def test_outcomes() -> None:
    reason = "100 of 1000 requests at 10 % of the traffic fit"
    assert check_sample_ratio(900, 100, 10).reason == reason
    assert check_sample_ratio(0, 0, 10).outcome == "insufficient_requests"
    # An arm without requests is a mismatch as soon as the test can have one.
    outcomes = [check_sample_ratio(n, 0, 10).outcome for n in range(1, 300)]
    assert outcomes == ["insufficient_requests"] * 159 + ["mismatch"] * 140
    assert check_sample_ratio(0, 300, 99).outcome == "insufficient_requests"
    assert check_sample_ratio(0, 3000, 99).outcome == "mismatch"


@pytest.mark.parametrize("count", [math.nan, math.inf, -1, 0.5, 1e13])
def test_invalid_counts_have_no_result(count: float) -> None:
    for found in (check_sample_ratio(count, 10, 10), check_sample_ratio(10, count, 10)):
        assert found.outcome == "insufficient_requests"
        assert found.log_e_value == 0.0
        assert found.reason.endswith(" requests at 10 % of the traffic are no counts")
        assert found.reason.endswith("are no counts")


@pytest.mark.parametrize("wrong", [(0, 0.1, 1), (100, 0.1, 1), (10, 0, 1), (10, 0.1, math.nan)])
def test_invalid_parameters_are_an_error(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="no test has"):
        check_sample_ratio(1, 1, *wrong)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 99))
def test_the_arms_can_be_exchanged(champion: int, challenger: int, percentage: int) -> None:
    one = check_sample_ratio(champion, challenger, percentage)
    other = check_sample_ratio(challenger, champion, 100 - percentage)
    assert one.outcome == other.outcome
    assert one.log_e_value == pytest.approx(other.log_e_value, abs=1e-6)


def test_the_rate_of_mismatches_is_within_alpha_and_high_for_a_wrong_split() -> None:
    """2,000 endpoints with 200 looks, 50 requests apart; alpha is 0.05."""
    rng = np.random.default_rng(1)
    limit = -math.log(0.05)
    for rate, low, high in ((0.1, 0, 0.05), (0.15, 0.99, 1)):
        challenger = rng.binomial(50, rate, (2000, 200)).cumsum(axis=1)
        # The log e-value of each distinct count, by the function itself.
        mismatch = np.zeros(2000, dtype=bool)
        for look in range(200):
            counts, where = np.unique(challenger[:, look], return_inverse=True)
            total = 50 * (look + 1)
            e = [check_sample_ratio(total - c, float(c), 10, 0.05).log_e_value for c in counts]
            mismatch |= np.array(e)[where] > limit
        assert low <= mismatch.mean() <= high
