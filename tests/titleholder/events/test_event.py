"""Events, and who was champion when."""

import itertools
import math
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.errors import EnvironmentConfigError
from titleholder.events.event import Event, champion_at, event_id, events_of_endpoint, history
from titleholder.events.rows import COLUMNS, from_row, to_row

START = datetime(2026, 11, 16, 3, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def event(name: str, hours: float, action: str = "seat", **given: Any) -> Event:
    return Event(
        id=name, time=at(hours), model="linnerud", action=action, reason="because", **given
    )


def change(name: str, hours: float, action: str, before: str | None, after: str | None) -> Event:
    return event(name, hours, action, champion_before=before, champion_after=after)


FIRST = change("first", 0, "seat", None, "A")
SECOND = change("second", 1, "seat", "A", "A")
PROMOTED = change("promoted", 2, "promote", "A", "B")
REFUSED = change("refused", 3, "refused", "B", "B")
LATE = change("late", 3.5, "superseded", None, None)
BACK = change("back", 4, "rollback", "B", "A")
REIGNS = [FIRST, SECOND, PROMOTED, REFUSED, LATE, BACK]


def test_events_of_an_endpoint_begin_with_its_creation() -> None:
    there, elsewhere, before = event("a", 2), event("b", 2), event("c", 1)
    events = [
        replace(before, endpoint="e"),
        replace(there, endpoint="e"),
        replace(elsewhere, endpoint="another"),
        event("d", 3),
    ]
    assert events_of_endpoint(events, "e", at(2)) == events[1:2]
    assert events_of_endpoint(events, "e", at(2.001)) == []
    assert events_of_endpoint(events, "e", None) == events[:2]
    assert events_of_endpoint(events, None, None) == events_of_endpoint(events, "", None) == []


@pytest.mark.parametrize(
    ("hours", "made_by"),
    [
        (-0.001, None),
        (0, FIRST),
        (0.999, FIRST),
        (1, FIRST),  # A challenger took a seat: the champion is whom the first event made.
        (1.999, FIRST),
        (2, PROMOTED),
        (3, PROMOTED),
        (3.5, PROMOTED),
        (3.999, PROMOTED),
        (4, BACK),
        (1000, BACK),
    ],
)
def test_who_made_the_champion(hours: float, made_by: Event | None) -> None:
    for order in (REIGNS, REIGNS[::-1], [*REIGNS[3:], *REIGNS]):
        assert champion_at(order, at(hours)) == made_by


UNKNOWN = change("unknown", 2, "promote", None, "B")
RECONSTRUCTED = replace(UNKNOWN, reconstructed=True)


@pytest.mark.parametrize(
    ("events", "made_by"),
    [
        pytest.param([], None, id="nothing happened"),
        pytest.param([REFUSED], None, id="refused before there was one"),
        pytest.param([SECOND, BACK], BACK, id="history begins in the middle"),
        pytest.param([SECOND], SECOND, id="the first that saw him"),
        pytest.param([FIRST, RECONSTRUCTED], RECONSTRUCTED, id="a reconstructed promotion"),
        pytest.param(
            [FIRST, replace(RECONSTRUCTED, champion_after="A")], FIRST, id="he was so before"
        ),
        pytest.param(
            [FIRST, replace(RECONSTRUCTED, champion_after=None)], FIRST, id="unknown afterwards"
        ),
        pytest.param([FIRST, change("x", 2, "abort", "A", None)], None, id="nobody afterwards"),
        pytest.param(
            [FIRST, change("x", 2, "abort", "A", None), change("y", 3, "seat", None, "A")],
            change("y", 3, "seat", None, "A"),
            id="the same again after nobody",
        ),
        pytest.param([FIRST, change("x", 2, "promote", "A", "B"), REFUSED], "x", id="refused"),
    ],
)
def test_histories_with_gaps(events: list[Event], made_by: Event | str | None) -> None:
    for order in itertools.permutations(events):
        found = champion_at(order, at(10))
        assert found == made_by or (found is not None and found.id == made_by)


@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_changes_at_the_same_moment_follow_one_another(names: tuple[str, str, str]) -> None:
    chain = [
        change(name, 1, "promote", before, after)
        for name, before, after in zip(names, "ABC", "BCA", strict=True)
    ]
    for order in itertools.permutations([FIRST, *chain]):
        assert history(order) == [FIRST, *chain]
        assert champion_at(order, at(1)) == chain[2]
    # Without what came before, a line still has a beginning.
    for order in itertools.permutations(chain[:2]):
        assert champion_at(order, at(1)) == chain[1]


def test_the_second_of_two_changes_within_a_second() -> None:
    soon = replace(PROMOTED, time=FIRST.time + timedelta(microseconds=1))
    assert champion_at([soon, FIRST], FIRST.time) == FIRST
    assert champion_at([soon, FIRST], FIRST.time + timedelta(seconds=1)) == soon


def test_ids_are_derived() -> None:
    same = event_id("linnerud", "promote", 7, None)
    assert same == event_id("linnerud", "promote", 7, None) == "fe7609fee93798bc"
    others = [("linnerud", "promote", "7", None), ("linnerud", "promote7", None), ("ü\n",), ()]
    assert len({same, *(event_id(*parts) for parts in others)}) == 5
    assert all(len(event_id(*parts)) == 16 for parts in others)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"id": "A"}, "fit a label"),
        ({"id": "x" * 64}, "fit a label"),
        ({"id": ""}, "fit a label"),
        ({"action": "two words"}, "one word"),
        ({"time": datetime(2026, 1, 1)}, "time needs a time zone"),
        ({"interval_end": datetime(2026, 1, 1)}, "interval_end needs a time zone"),
    ],
)
def test_wrong_events(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(FIRST, **wrong)


def test_evidence_is_what_json_can_hold() -> None:
    evidence = {"scores": (1, 2.5), 3: math.nan, "deep": [{"x": -math.inf}], "none": None}
    plain = {"scores": [1, 2.5], "3": "NaN", "deep": [{"x": "-Infinity"}], "none": None}
    assert event("a", 0, evidence=evidence).evidence == plain
    with pytest.raises(TypeError, match="no datetime"):
        event("a", 0, evidence={"when": START})


def test_times_are_kept_in_utc() -> None:
    east = replace(FIRST, time=FIRST.time.astimezone(timezone(timedelta(hours=2))))
    assert east == FIRST
    assert east.time.tzinfo is UTC


def test_every_field_has_its_column() -> None:
    assert {column.name for column in COLUMNS} == {field.name for field in fields(Event)}


EVENTS = st.builds(
    Event,
    id=st.from_regex(r"[a-z0-9_-]{1,63}", fullmatch=True),
    time=st.datetimes(timezones=st.just(UTC)),
    model=st.text(),
    action=st.sampled_from(["seat", "promote", "refused"]),
    reason=st.text(),
    champion_before=st.none() | st.text(),
    split_after=st.none() | st.dictionaries(st.text(), st.integers(0, 100)),
    versions=st.dictionaries(st.text(), st.text()),
    interval_end=st.none() | st.datetimes(timezones=st.just(UTC)),
    evidence=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ),
    reconstructed=st.booleans(),
)


@given(EVENTS)
def test_rows_give_back_what_was_put_in(written: Event) -> None:
    assert from_row(to_row(written)) == written


def test_rows_by_hand() -> None:
    bare = {"id": "a", "time": START, "model": "linnerud", "action": "adopt", "versions": None}
    assert from_row(bare) == replace(event("a", 0, "adopt"), reason="")
    for wrong in ({"evidence": "{"}, {"action": None}, {"id": "A B"}):
        with pytest.raises(EnvironmentConfigError, match="of the events table is no event"):
            from_row({**bare, **wrong})
