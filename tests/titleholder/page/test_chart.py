"""Where verdicts lie in the chart, and which side of zero they are on."""

from itertools import pairwise

import pytest

from tests.titleholder.page.model_sections import event, judged
from titleholder.page.chart import BOTTOM, TOP, chart
from titleholder.page.scales import scale, spaced, ticks
from titleholder.page.verdict_points import verdict_points


@pytest.mark.parametrize(
    ("estimate", "half", "leaning"),
    [
        (0.1, 0.02, "better"),
        (-0.1, 0.02, "worse"),
        (0.01, 0.02, "even"),
        (0.1, None, "none"),
        (None, None, "none"),
        ("NaN", None, "none"),
        (float("inf"), 0.02, "none"),
    ],
)
def test_the_side_of_zero(estimate: float | None, half: float | None, leaning: str) -> None:
    (look,) = verdict_points([judged(1, estimate, half)])
    assert look.leaning == leaning
    assert look.version == "linnerud@2"


def test_a_verdict_of_whom_nothing_is_known() -> None:
    (look,) = verdict_points(
        [event(1, "evaluated", evidence={"verdict": "?", "traffic_percentage": True})]
    )
    assert (look.outcome, look.version, look.n, look.traffic_percentage) == (
        "unknown",
        "unknown",
        None,
        None,
    )
    assert verdict_points([event(1, "promote")]) == []


def test_values_and_times_have_their_places() -> None:
    judgements = [
        judged(5, 0.3),
        judged(4, 0.1),
        judged(2, -0.2, challenger="3"),
        judged(1, None, None),
    ]
    drawn = chart(verdict_points(judgements), 760)
    assert drawn is not None
    first, second, third = drawn.dots
    assert TOP < first.y < second.y < drawn.zero < third.y < BOTTOM
    assert drawn.left < first.x < second.x < third.x < drawn.right
    assert second.x - first.x == pytest.approx((third.x - second.x) / 2)
    for dot in drawn.dots:
        assert dot.top is not None
        assert dot.bottom is not None
        assert dot.top < dot.y < dot.bottom
    left, right = drawn.spans
    assert (left.version, right.version) == ("linnerud@2", "linnerud@3")
    assert second.x < left.end == right.x < third.x
    assert right.end == drawn.right
    assert "0" in [text for _, text in drawn.y_ticks]
    assert drawn.margin is None


def test_one_verdict_and_none() -> None:
    assert chart([], 760) is None
    assert chart(verdict_points([judged(1, None, None)]), 760) is None
    drawn = chart(verdict_points([judged(1, 0.0, None)]), 350)
    assert drawn is not None
    assert drawn.left < drawn.dots[0].x < drawn.right
    assert drawn.dots[0].y == pytest.approx(drawn.zero)


def test_a_margin_is_below_zero() -> None:
    (look,) = verdict_points([judged(1, 0.1)])
    verdict = {"estimate": 0.1, "low": 0.0, "high": 0.2, "margin": 0.05}
    drawn = chart(verdict_points([event(2, "evaluated", evidence={"verdict": verdict})]), 760)
    assert look.margin == 0
    assert drawn is not None
    assert drawn.margin is not None
    assert drawn.margin > drawn.zero


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.03, 0.21), (1e-9, 3e-9), (-5e6, 4e7)])
def test_marks_are_round_and_within(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 9
    assert low <= marks[0] < marks[-1] <= high * (1 + 1e-12)
    steps = [b - a for a, b in pairwise(marks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert f"{steps[0]:.0e}"[0] in "125"


def test_a_range_of_nothing() -> None:
    assert scale(1, 1, 0, 10)(1) == 5
    assert ticks(1, 1) == [1]
    assert spaced([(0, "a"), (5, "b"), (12, "c")], 10) == [(0, "a"), (12, "c")]
