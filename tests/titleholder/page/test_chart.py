"""The layout of the chart, and the side of zero of a verdict."""

from itertools import pairwise

import pytest

from tests.titleholder.page.model_sections import evaluated, event
from titleholder.page.chart import BOTTOM, TOP, chart, scale, spaced, ticks
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
    (point,) = verdict_points([evaluated(1, estimate, half)])
    assert point.leaning == leaning
    assert point.version == "linnerud@2"


def test_a_verdict_without_evidence_is_unknown() -> None:
    (point,) = verdict_points(
        [event(1, "evaluated", evidence={"verdict": "?", "traffic_percentage": True})]
    )
    assert (point.outcome, point.version, point.n, point.traffic_percentage) == (
        "unknown",
        "unknown",
        None,
        None,
    )
    assert verdict_points([event(1, "promote")]) == []


def test_values_and_times_are_in_order() -> None:
    events = [
        evaluated(5, 0.3),
        evaluated(4, 0.1),
        evaluated(2, -0.2, challenger="3"),
        evaluated(1, None, None),
    ]
    drawn = chart(verdict_points(events), 760)
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


def test_a_chart_of_one_verdict_and_none_without_an_estimate() -> None:
    assert chart([], 760) is None
    assert chart(verdict_points([evaluated(1, None, None)]), 760) is None
    drawn = chart(verdict_points([evaluated(1, 0.0, None)]), 350)
    assert drawn is not None
    assert drawn.left < drawn.dots[0].x < drawn.right
    assert drawn.dots[0].y == pytest.approx(drawn.zero)


def test_a_margin_is_below_zero() -> None:
    (point,) = verdict_points([evaluated(1, 0.1)])
    verdict = {"estimate": 0.1, "low": 0.0, "high": 0.2, "margin": 0.05}
    drawn = chart(verdict_points([event(2, "evaluated", evidence={"verdict": verdict})]), 760)
    assert point.margin == 0
    assert drawn is not None
    assert drawn.margin is not None
    assert drawn.margin > drawn.zero


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.03, 0.21), (1e-9, 3e-9), (-5e6, 4e7)])
def test_ticks_are_round_and_within_the_range(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 9
    assert low <= marks[0] < marks[-1] <= high * (1 + 1e-12)
    steps = [b - a for a, b in pairwise(marks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert f"{steps[0]:.0e}"[0] in "125"


def test_an_empty_range() -> None:
    assert scale(1, 1, 0, 10)(1) == 5
    assert ticks(1, 1) == [1]
    assert spaced([(0, "a"), (5, "b"), (12, "c")], 10) == [(0, "a"), (12, "c")]
