"""A day's loss as JSON: there and back, and None for whatever is no day."""

import json
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titleholder.analysis.decay.day_loss import DayLoss, day_loss_from_json

DAY = DayLoss(date(2026, 11, 27), 285, 0.25, 0.04)
VALID = st.builds(
    DayLoss,
    st.dates(),
    st.integers(1, 2**53).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, allow_nan=False, allow_infinity=False),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(VALID)
def test_there_and_back(day: DayLoss) -> None:
    assert day.is_valid
    assert day_loss_from_json(json.loads(json.dumps(day.to_json()))) == day


@given(
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("day", "n", "loss", "variance"), JSON))
)
@settings(deadline=None)
def test_whatever_is_no_day_is_none(raw: Any) -> None:
    found = day_loss_from_json(raw)
    assert found is None or found.is_valid


@pytest.mark.parametrize(
    "changed",
    [
        {"day": "20261127"},
        {"day": "2026-11-27T00:00:00"},
        {"day": "2026-02-30"},
        {"day": None},
        {"n": 0},
        {"n": 2.5},
        {"n": -1},
        {"n": math.inf},
        {"n": True},
        {"n": "285"},
        {"n": 10**400},
        {"loss": math.nan},
        {"loss": None},
        {"variance": -0.1},
        {"variance": math.inf},
    ],
)
def test_an_invalid_field_makes_no_day(changed: dict[str, Any]) -> None:
    assert day_loss_from_json(DAY.to_json()) == DAY
    assert day_loss_from_json({**DAY.to_json(), **changed}) is None


def test_a_missing_field_makes_no_day() -> None:
    for name in DAY.to_json():
        assert day_loss_from_json({k: v for k, v in DAY.to_json().items() if k != name}) is None
