"""The sample of each day's rows: the same for any order of the rows and any size of batches."""

import itertools
import random
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.duel_steps.keys import key_column
from pipeline.duel_steps.sample import sample_batches, sample_days

UTC_TIME = pa.timestamp("us", tz="UTC")
DAY = 86_400_000_000
# (day, key, time of the day): rows of equal key are frequent.
Row = tuple[int, int, int]
days = st.integers(20_000, 20_002)
keys = st.one_of(st.integers(0, 8), st.integers(2**64 - 3, 2**64 - 1))
any_rows = st.lists(st.tuples(days, keys, st.integers(0, 999)), max_size=60)


def batch(rows: list[Row]) -> Any:
    times = pa.array([day * DAY + time for day, _, time in rows], UTC_TIME)
    of_rows = pa.array([key for _, key, _ in rows], pa.uint64())
    return pa.record_batch([times, of_rows], ["at", key_column()])


def rows_of(sample: Any) -> list[Row]:
    if sample is None:
        return []
    times = sample["at"].cast(pa.int64()).to_pylist()
    return [
        (time // DAY, key, time % DAY)
        for time, key in zip(times, sample[key_column()].to_pylist(), strict=True)
    ]


def sampled(rows: list[Row], maximum: int, cuts: list[int]) -> tuple[list[Row], int, int]:
    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    batches = [batch(rows[low:high]) for low, high in itertools.pairwise(edges)]
    sample, total, empty_days = sample_days(iter(batches), "at", maximum)
    return rows_of(sample), total, empty_days


def expected(rows: list[Row], maximum: int) -> list[Row]:
    """By the definition: key by key, for as long as all rows of a key fit."""
    found = []
    for day in {day for day, _, _ in rows}:
        taken: list[Row] = []
        for key in sorted({key for other, key, _ in rows if other == day}):
            taken += [row for row in rows if row[:2] == (day, key)]
            if len(taken) > maximum:
                break
            found += [row for row in rows if row[:2] == (day, key)]
    return found


@settings(deadline=None)
@given(any_rows, st.integers(2, 12), st.lists(st.integers(0, 60), max_size=8), st.randoms())
def test_the_sample_depends_on_the_rows_only(
    rows: list[Row], maximum: int, cuts: list[int], order: random.Random
) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    found, total, empty_days = sampled(shuffled, maximum, cuts)
    assert Counter(found) == Counter(expected(rows, maximum))
    assert [row[:2] for row in found] == sorted(row[:2] for row in found)
    assert total == len(rows)
    assert empty_days == len({day for day, _, _ in rows} - {day for day, _, _ in found})


@settings(deadline=None)
@given(any_rows, any_rows, st.integers(2, 12))
def test_late_rows_displace_others_and_bring_none_back(
    early: list[Row], late: list[Row], maximum: int
) -> None:
    """Of the rows of the first look, the second has some and no other."""
    first, _, _ = sampled(early, maximum, [])
    second, _, _ = sampled(early + late, maximum, [])
    assert not (Counter(second) - Counter(late)) - Counter(first)
    # Without late rows of a day, its sample stays.
    unchanged = {day for day, _, _ in early} - {day for day, _, _ in late}
    assert [r for r in first if r[0] in unchanged] == [r for r in second if r[0] in unchanged]


@settings(deadline=None)
@given(any_rows, st.integers(2, 12))
def test_a_key_is_in_a_days_sample_with_all_of_its_rows_or_none(
    rows: list[Row], maximum: int
) -> None:
    found, _, _ = sampled(rows, maximum, [7, 20])
    there = Counter(row[:2] for row in rows)
    assert all(count == there[key] for key, count in Counter(row[:2] for row in found).items())
    assert max(Counter(day for day, _, _ in found).values(), default=0) <= maximum


def test_a_day_with_no_more_rows_than_the_maximum_is_complete() -> None:
    rows = [(20_000, key, 0) for key in range(5)] + [(20_001, key, 0) for key in range(6)]
    found, _, _ = sampled(rows, 5, [3])
    assert found == rows[:10]


def test_a_sample_has_full_batches_and_describes_itself() -> None:
    batches = [batch([(20_000 + key % 2, key, 0)]) for key in range(40)]
    found, about = sample_batches(batches, "at", ["at", "x"], 15, 8)
    assert [one.num_rows for one in found] == [8, 8, 8, 6]
    assert about == {
        "max_rows_per_day": 15,
        "sampled_by": ["at", "x"],
        "rows_in_window": 40,
        "days_without_rows": 0,
    }
    assert sample_batches([], "at", ["at"], 15, 8)[0] == []


def test_days_of_one_large_key_are_without_rows_and_no_sample_is_an_error() -> None:
    large = batch([(20_000, 7, n) for n in range(3)])
    _, about = sample_batches([large, batch([(20_001, 7, 0)])], "at", ["person"], 2, 8)
    assert about["days_without_rows"] == 1
    message = "max_rows_per_day is 2, and on every day the rows with the same person are more: rais"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        sample_batches([large], "at", ["person"], 2, 8)
