"""The next move of a challenger through the traffic steps."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.decision import Transition, next_transition
from titleholder.analysis.verdict import Outcome
from titleholder.config.rollout import TrafficStep

DAY = timedelta(days=1)
ONE = [TrafficStep(traffic_percentage=10)]
THREE = [
    TrafficStep(traffic_percentage=5, bake=DAY),
    TrafficStep(traffic_percentage=25, bake=2 * DAY),
    TrafficStep(traffic_percentage=50, bake=3 * DAY),
]
PROMOTE, ROLLBACK, HOLD, INCONCLUSIVE = Outcome

TABLE = [
    (ONE, 10, 0 * DAY, PROMOTE, "promote", None),
    (ONE, 10, 9 * DAY, HOLD, "hold", None),
    (ONE, 10, 9 * DAY, INCONCLUSIVE, "hold", None),
    (ONE, 10, 0 * DAY, ROLLBACK, "rollback", None),
    (THREE, 5, DAY / 2, PROMOTE, "hold", None),
    (THREE, 5, DAY / 2, ROLLBACK, "rollback", None),
    (THREE, 5, DAY, PROMOTE, "next_step", 25),
    (THREE, 5, DAY, HOLD, "hold", None),
    (THREE, 25, DAY, PROMOTE, "hold", None),
    (THREE, 25, 2 * DAY, PROMOTE, "next_step", 50),
    (THREE, 50, 2 * DAY, PROMOTE, "hold", None),
    (THREE, 50, 3 * DAY, PROMOTE, "promote", None),
    (THREE[::-1], 5, DAY, PROMOTE, "next_step", 25),
    # Set by a user: below, between and above the steps.
    (THREE, 2, DAY / 2, PROMOTE, "hold", None),
    (THREE, 2, DAY, PROMOTE, "next_step", 5),
    (THREE, 30, DAY, PROMOTE, "hold", None),
    (THREE, 30, 2 * DAY, PROMOTE, "next_step", 50),
    (THREE, 80, 3 * DAY, PROMOTE, "promote", None),
    # Without steps the verdict alone counts.
    ([], 10, 0 * DAY, PROMOTE, "promote", None),
    # A negative time.
    (ONE, 10, -DAY, PROMOTE, "hold", None),
    # Without traffic, or champion already.
    (THREE, 0, 9 * DAY, PROMOTE, "hold", None),
    (THREE, 0, 9 * DAY, ROLLBACK, "hold", None),
    (THREE, 100, 9 * DAY, PROMOTE, "hold", None),
]


@pytest.mark.parametrize(
    ("steps", "percentage", "live", "outcome", "move", "next_percentage"), TABLE
)
def test_transitions(
    steps: list[TrafficStep],
    percentage: int,
    live: timedelta,
    outcome: Outcome,
    move: str,
    next_percentage: int | None,
) -> None:
    found = next_transition(steps, percentage, live, outcome)
    assert (found.move, found.traffic_percentage) == (move, next_percentage)


def test_reasons() -> None:
    assert next_transition(THREE, 5, DAY, PROMOTE) == Transition(
        "next_step", "5 % is passed; 25 % is next", 25
    )
    assert (
        next_transition(THREE, 5, DAY, INCONCLUSIVE).reason == "the verdict at 5 % is inconclusive"
    )
    baking = next_transition(THREE, 25, DAY, PROMOTE).reason
    assert baking == "25 % bakes for 2 d, and has for 1 d"


@pytest.mark.parametrize(
    ("percentage", "bake", "key"),
    [(0, "1d", "traffic_percentage"), (100, "1d", "traffic_percentage"), (10, "-1d", "bake")],
)
def test_an_invalid_step_is_an_error(percentage: int, bake: str, key: str) -> None:
    with pytest.raises(ValueError, match=key):
        TrafficStep.model_validate({"traffic_percentage": percentage, "bake": bake})


spans = st.timedeltas(-3 * DAY, 9 * DAY)
step_lists = st.lists(
    st.builds(
        TrafficStep,
        traffic_percentage=st.integers(1, 99),
        bake=st.timedeltas(0 * DAY, 3 * DAY),
    ),
    max_size=5,
)


@given(step_lists, st.integers(-5, 105), spans, st.sampled_from(Outcome))
def test_only_promote_raises_traffic_and_only_rollback_rolls_back(
    steps: list[TrafficStep], percentage: int, live: timedelta, outcome: Outcome
) -> None:
    found = next_transition(steps, percentage, live, outcome)
    assert (found.move == "rollback") == (outcome is ROLLBACK and 1 <= percentage <= 99)
    if found.move in ("next_step", "promote"):
        assert outcome is PROMOTE
        assert live >= timedelta(0)
    assert (found.traffic_percentage is not None) == (found.move == "next_step")


@given(step_lists)
def test_promote_verdicts_pass_every_step(steps: list[TrafficStep]) -> None:
    percentages = sorted({step.traffic_percentage for step in steps}) or [10]
    percentage, passed = percentages[0], []
    while True:
        passed.append(percentage)
        found = next_transition(steps, percentage, 9 * DAY, PROMOTE)
        if found.move == "promote":
            break
        assert found.traffic_percentage is not None
        assert found.traffic_percentage > percentage
        percentage = found.traffic_percentage
    assert passed == percentages
