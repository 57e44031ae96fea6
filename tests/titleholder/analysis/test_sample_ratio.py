"""The split that is seen against the one that is set."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.sample_ratio import check_sample_ratio

# champion, challenger, log e at 10 %: Multinomial(0.001, [0.9, 0.1], k=100) of savvi 0.3.1.
SAVVI = [
    (900, 100, -1.2066048002141656, "fine"),
    (940, 60, 8.158466393981143, "off"),
    (860, 140, 6.001169378406644, "fine"),
    (9000, 900, 2.3570534721247896, "fine"),
    (5, 5, 0.5493829836665469, "too few"),
]


@pytest.mark.parametrize(("champion", "challenger", "log_e", "outcome"), SAVVI)
def test_savvi_gives_the_same(champion: int, challenger: int, log_e: float, outcome: str) -> None:
    found = check_sample_ratio(champion, challenger, 10)
    assert found.evidence == pytest.approx(log_e, abs=1e-6)
    assert found.outcome == outcome


def test_the_example_in_the_comment() -> None:
    # Beta(1, 1) is flat: the chance of none in three is 1/4, against 1/8 for a coin.
    assert math.exp(check_sample_ratio(3, 0, 50, concentration=2).evidence) == pytest.approx(2)


def test_outcomes_in_words() -> None:
    assert check_sample_ratio(900, 100, 10).reason == "100 of 1000 requests for a share of 10 % fit"
    assert check_sample_ratio(0, 0, 10).outcome == "too few"
    # An arm that gets nothing is told as soon as anything can be told.
    silent = [check_sample_ratio(n, 0, 10).outcome for n in range(1, 300)]
    assert silent == ["too few"] * silent.count("too few") + ["off"] * silent.count("off")
    assert silent.count("too few") == 159
    assert check_sample_ratio(0, 300, 99).outcome == "too few"
    assert check_sample_ratio(0, 3000, 99).outcome == "off"


@pytest.mark.parametrize("count", [math.nan, math.inf, -1, 0.5, 1e13])
def test_counts_that_cannot_be_say_nothing(count: float) -> None:
    for found in (check_sample_ratio(count, 10, 10), check_sample_ratio(10, count, 10)):
        assert found.outcome == "too few"
        assert found.reason.endswith("cannot be")


@pytest.mark.parametrize("wrong", [(0, 0.1, 1), (100, 0.1, 1), (10, 0, 1), (10, 0.1, math.nan)])
def test_a_test_that_cannot_be_is_refused(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="no test has"):
        check_sample_ratio(1, 1, *wrong)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 99))
def test_the_arms_are_alike(champion: int, challenger: int, share: int) -> None:
    one, other = (
        check_sample_ratio(champion, challenger, share),
        check_sample_ratio(challenger, champion, 100 - share),
    )
    assert one.outcome == other.outcome
    assert one.evidence == pytest.approx(other.evidence, abs=1e-6)


def test_a_right_split_is_called_off_within_alpha_and_a_wrong_one_soon() -> None:
    """2,000 endpoints, 200 looks each after 50 more requests; alpha 0.05."""
    rng = np.random.default_rng(1)
    limit = -math.log(0.05)
    for rate, low, high in ((0.1, 0, 0.05), (0.15, 0.99, 1)):
        challenger = rng.binomial(50, rate, (2000, 200)).cumsum(axis=1)
        # The log e-value of every count that was met, by the function itself.
        off = np.zeros(2000, dtype=bool)
        for look in range(200):
            met, where = np.unique(challenger[:, look], return_inverse=True)
            total = 50 * (look + 1)
            e = [check_sample_ratio(total - c, float(c), 10, 0.05).evidence for c in met]
            off |= np.array(e)[where] > limit
        assert low <= off.mean() <= high
