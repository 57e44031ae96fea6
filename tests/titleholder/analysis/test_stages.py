"""The challenger's way to the title."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from titleholder.analysis.stages import Transition, next_transition

from titleholder.analysis.verdict import Outcome
from titleholder.config.rollout import TrafficStep

DAY = timedelta(days=1)
ONE = [TrafficStep(traffic_percentage=10)]
THREE = [
    TrafficStep(traffic_percentage=5, bake=DAY),
    TrafficStep(traffic_percentage=25, bake=2 * DAY),
    TrafficStep(traffic_percentage=50, bake=3 * DAY),
]
GOOD, BAD, WAIT, ASK = Outcome.PROMOTE, Outcome.ROLLBACK, Outcome.HOLD, Outcome.INCONCLUSIVE

TABLE = [
    (ONE, 10, 0 * DAY, GOOD, "promote", None),
    (ONE, 10, 9 * DAY, WAIT, "hold", None),
    (ONE, 10, 9 * DAY, ASK, "hold", None),
    (ONE, 10, 0 * DAY, BAD, "roll back", None),
    (THREE, 5, DAY / 2, GOOD, "hold", None),
    (THREE, 5, DAY / 2, BAD, "roll back", None),
    (THREE, 5, DAY, GOOD, "move on", 25),
    (THREE, 5, DAY, WAIT, "hold", None),
    (THREE, 25, DAY, GOOD, "hold", None),
    (THREE, 25, 2 * DAY, GOOD, "move on", 50),
    (THREE, 50, 2 * DAY, GOOD, "hold", None),
    (THREE, 50, 3 * DAY, GOOD, "promote", None),
    (THREE[::-1], 5, DAY, GOOD, "move on", 25),
    # Set by hand: below, between and above the stages.
    (THREE, 2, DAY / 2, GOOD, "hold", None),
    (THREE, 2, DAY, GOOD, "move on", 5),
    (THREE, 30, DAY, GOOD, "hold", None),
    (THREE, 30, 2 * DAY, GOOD, "move on", 50),
    (THREE, 80, 3 * DAY, GOOD, "promote", None),
    # No stages: the verdict alone.
    ([], 10, 0 * DAY, GOOD, "promote", None),
    # A clock that went backwards bakes nothing.
    (ONE, 10, -DAY, GOOD, "hold", None),
    # Withdrawn, or champion already.
    (THREE, 0, 9 * DAY, GOOD, "hold", None),
    (THREE, 0, 9 * DAY, BAD, "hold", None),
    (THREE, 100, 9 * DAY, GOOD, "hold", None),
]


@pytest.mark.parametrize(("stages", "share", "live", "outcome", "move", "to"), TABLE)
def test_table(
    stages: list[TrafficStep],
    share: int,
    live: timedelta,
    outcome: Outcome,
    move: str,
    to: int | None,
) -> None:
    found = next_transition(stages, share, live, outcome)
    assert (found.move, found.traffic_percentage) == (move, to)


def test_reasons() -> None:
    assert next_transition(THREE, 5, DAY, GOOD) == Transition(
        "move on", "5 % is passed; 25 % is next", 25
    )
    assert next_transition(THREE, 5, DAY, ASK).reason == "the verdict at 5 % is inconclusive"
    baking = next_transition(THREE, 25, DAY, GOOD).reason
    assert baking == "25 % bakes for 2 d, and has for 1 d"


@pytest.mark.parametrize("wrong", [(0, DAY), (100, DAY), (10, -DAY)])
def test_a_stage_that_cannot_be(wrong: tuple[int, timedelta]) -> None:
    with pytest.raises(ValueError, match="1 to 99 per cent"):
        TrafficStep(*wrong)


spans = st.timedeltas(-3 * DAY, 9 * DAY)
stages = st.lists(
    st.builds(TrafficStep, st.integers(1, 99), st.timedeltas(0 * DAY, 3 * DAY)), max_size=5
)


@given(stages, st.integers(-5, 105), spans, st.sampled_from(Outcome))
def test_only_a_good_verdict_goes_forward_and_only_a_bad_one_home(
    stages: list[TrafficStep], share: int, live: timedelta, outcome: Outcome
) -> None:
    found = next_transition(stages, share, live, outcome)
    assert (found.move == "roll back") == (outcome is BAD and 1 <= share <= 99)
    if found.move in ("move on", "promote"):
        assert outcome is GOOD
        assert live >= timedelta(0)
    assert (found.traffic_percentage is not None) == (found.move == "move on")


@given(stages)
def test_good_verdicts_lead_through_every_stage_to_the_title(stages: list[TrafficStep]) -> None:
    shares = sorted({stage.traffic_percentage for stage in stages})
    share, seen = (shares or [10])[0], []
    while True:
        seen.append(share)
        found = next_transition(stages, share, 9 * DAY, GOOD)
        if found.move == "promote":
            break
        assert found.traffic_percentage is not None
        assert found.traffic_percentage > share
        share = found.traffic_percentage
    assert seen == (shares or [10])
