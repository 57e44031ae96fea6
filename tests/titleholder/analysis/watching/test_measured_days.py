"""Which days of a job are counted."""

import math
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.watching.measured_days import count_days, measured_days

WINDOW = {"window_start": "2026-11-01T00:00:00Z", "window_end": "2026-11-05T23:00:00Z"}


def day(number: int, **changes: Any) -> dict[str, Any]:
    found = {"n": 90, "loss": 2.0, "variance": 4.0, "rows": 100, "rows_labelled": 95}
    return {"day": f"2026-11-{number:02}", **found, **changes}


def counted(*days: dict[str, Any], after: date | None = None) -> tuple[list[int], list[str]]:
    found = measured_days({**WINDOW, "days": list(days)}, None)
    one, two = count_days(found, after, 50, 0.9)
    return [each.day.day for each in one], [each.reason for each in two]


def test_only_whole_days_in_order() -> None:
    assert counted(day(5), day(3), day(1), day(2)) == ([1, 2, 3], [])
    partial = {**WINDOW, "window_start": "2026-11-01T03:00:00Z", "days": [day(1), day(2)]}
    assert [one.day.day for one in measured_days(partial, None)] == [2]


def test_the_losses_of_a_role_in_a_duel() -> None:
    raw = {"day": "2026-11-02", "n": 1, "champion_loss": 3.0, "challenger_loss": 2.0}
    raw |= {"champion_variance": None, "challenger_variance": None, "rows": 1, "rows_labelled": 1}
    (champion,) = measured_days({**WINDOW, "days": [raw]}, "champion")
    (challenger,) = measured_days({**WINDOW, "days": [raw]}, "challenger")
    assert (champion.loss, challenger.loss) == (3.0, 2.0)
    # A single row has no variance.
    assert champion.variance == 0.0


@pytest.mark.parametrize("role", ["champion", "challenger"])
@pytest.mark.parametrize(
    ("rows", "left_out"),
    [
        ({"own": 1000, "other": 990, "compared": 990}, ""),
        ({"own": 1000, "other": 980, "compared": 980}, "2 %"),
        ({"own": 980, "other": 1000, "compared": 980}, ""),
        ({"own": 0, "other": 0, "compared": 0}, ""),
        ({}, ""),
    ],
)
def test_a_duel_without_the_rows_that_the_other_model_cannot_predict_is_not_counted(
    role: Literal["champion", "challenger"], rows: dict[str, int], left_out: str
) -> None:
    rival = "challenger" if role == "champion" else "champion"
    names = {"own": f"{role}_rows", "other": f"{rival}_rows", "compared": "rows_compared"}
    raw = day(2) | {f"{role}_loss": 2.0, f"{role}_variance": 4.0}
    evidence = {names[name]: count for name, count in rows.items()}
    found = measured_days({**WINDOW, **evidence, "days": [raw]}, role)
    kept, skipped = count_days(found, None, 50, 0.9)
    assert [one.day.day for one in kept] == ([] if left_out else [2])
    assert [one.reason for one in skipped] == (
        [
            f"the duel leaves out {left_out} of the rows, for which the {rival} has no valid "
            "prediction"
        ]
        if left_out
        else []
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"rows_labelled": 89},
            "89 of 100 rows have a label, fewer than the 90 % of duel.min_label_coverage",
        ),
        ({"rows": 0, "rows_labelled": 0}, "0 of 0 rows have a label"),
        ({"n": 49}, "49 were scored, fewer than min_rows 50"),
        ({"n": 0, "loss": None}, "0 were scored, fewer than min_rows 50"),
        ({"loss": None}, "its loss is not a finite number"),
        ({"loss": math.inf}, "its loss is not a finite number"),
        ({"variance": -1.0}, "its loss is not a finite number"),
    ],
)
def test_a_day_that_is_not_counted(changes: dict[str, Any], reason: str) -> None:
    days, (why,) = counted(day(1), day(2, **changes), day(3))
    assert days == [1, 3]
    assert why.startswith(reason)


def test_late_labels_of_a_day_before_a_counted_one_change_nothing() -> None:
    assert counted(day(1), day(2), day(3), after=date(2026, 11, 2)) == ([3], [])
    late = counted(day(1), day(2, rows_labelled=10))
    assert late[0] == [1]
    # The next run finds its labels: no newer day has been counted.
    assert counted(day(1), day(2), after=date(2026, 11, 1))[0] == [2]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part),
        max_leaves=5,
    ),
    st.dictionaries(
        st.sampled_from(["day", "n", "loss", "variance", "rows", "rows_labelled"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.just("2026-11-02"),
    ),
)
def test_any_evidence_has_valid_days_only(anything: Any, raw: dict[str, Any]) -> None:
    for days in (anything, [anything], [raw]):
        for window in (WINDOW, {"window_start": anything, "window_end": anything}):
            one, _ = count_days(measured_days({**window, "days": days}, None), None, 2, 0.0)
            for found in one:
                assert isinstance(found, DayLoss)
                assert found.n >= 2
                assert math.isfinite(found.loss)
                assert 0 <= found.variance < math.inf


def test_only_the_window_of_the_run_says_which_days_are_complete() -> None:
    """Not the clock of a worker, nor that of the rows: a row of the future is outside of it."""
    ahead = {**WINDOW, "last_row": "2031-01-01T00:00:00Z"}
    ahead["days"] = [day(3), day(4), day(5), {**day(1), "day": "2031-01-01"}]  # type: ignore[assignment]
    found = measured_days(ahead, None)
    assert [one.day.isoformat() for one in found] == ["2026-11-03", "2026-11-04"]
    # A run whose clock is behind has nothing that was not counted before.
    assert count_days(found, date(2026, 11, 4), 50, 0.9) == ((), ())
