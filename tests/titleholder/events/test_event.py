"""Events, and the champion over time."""

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


def event(name: str, hours: float, action: str = "deploy_challenger", **fields: Any) -> Event:
    return Event(
        id=name, time=at(hours), model="linnerud", action=action, reason="because", **fields
    )


def change(name: str, hours: float, action: str, before: str | None, after: str | None) -> Event:
    return event(name, hours, action, champion_before=before, champion_after=after)


FIRST = change("first", 0, "deploy_challenger", None, "A")
SECOND = change("second", 1, "deploy_challenger", "A", "A")
PROMOTED = change("promoted", 2, "promote", "A", "B")
BLOCKED = change("blocked", 3, "blocked", "B", "B")
LATE = change("late", 3.5, "superseded", None, None)
BACK = change("back", 4, "rollback", "B", "A")
EVENTS = [FIRST, SECOND, PROMOTED, BLOCKED, LATE, BACK]


def test_events_before_the_creation_of_an_endpoint_are_left_out() -> None:
    own, other, earlier = event("a", 2), event("b", 2), event("c", 1)
    events = [
        replace(earlier, endpoint="e"),
        replace(own, endpoint="e"),
        replace(other, endpoint="another"),
        event("d", 3),
    ]
    assert events_of_endpoint(events, "e", at(2)) == events[1:2]
    assert events_of_endpoint(events, "e", at(2.001)) == []
    assert events_of_endpoint(events, "e", None) == events[:2]
    assert events_of_endpoint(events, None, None) == events_of_endpoint(events, "", None) == []


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (-0.001, None),
        (0, FIRST),
        (0.999, FIRST),
        (1, FIRST),  # The champion did not change when a challenger was deployed.
        (1.999, FIRST),
        (2, PROMOTED),
        (3, PROMOTED),
        (3.5, PROMOTED),
        (3.999, PROMOTED),
        (4, BACK),
        (1000, BACK),
    ],
)
def test_the_event_that_made_the_champion(hours: float, expected: Event | None) -> None:
    for order in (EVENTS, EVENTS[::-1], [*EVENTS[3:], *EVENTS]):
        assert champion_at(order, at(hours)) == expected


UNKNOWN = change("unknown", 2, "promote", None, "B")
RECONSTRUCTED = replace(UNKNOWN, reconstructed=True)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], None, id="nothing happened"),
        pytest.param([BLOCKED], None, id="blocked before the first champion"),
        pytest.param([SECOND, BACK], BACK, id="history begins in the middle"),
        pytest.param([SECOND], SECOND, id="the first event that has the champion"),
        pytest.param([FIRST, RECONSTRUCTED], RECONSTRUCTED, id="a reconstructed promotion"),
        pytest.param(
            [FIRST, replace(RECONSTRUCTED, champion_after="A")],
            FIRST,
            id="the champion did not change",
        ),
        pytest.param(
            [FIRST, replace(RECONSTRUCTED, champion_after=None)], FIRST, id="unknown afterwards"
        ),
        pytest.param(
            [FIRST, change("x", 2, "abort", "A", None)], None, id="no champion afterwards"
        ),
        pytest.param(
            [
                FIRST,
                change("x", 2, "abort", "A", None),
                change("y", 3, "deploy_challenger", None, "A"),
            ],
            change("y", 3, "deploy_challenger", None, "A"),
            id="the same champion again after none",
        ),
        pytest.param([FIRST, change("x", 2, "promote", "A", "B"), BLOCKED], "x", id="blocked"),
    ],
)
def test_histories_with_gaps(events: list[Event], expected: Event | str | None) -> None:
    for order in itertools.permutations(events):
        found = champion_at(order, at(10))
        assert found == expected or (found is not None and found.id == expected)


@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_changes_at_the_same_time_are_chained(names: tuple[str, str, str]) -> None:
    chain = [
        change(name, 1, "promote", before, after)
        for name, before, after in zip(names, "ABC", "BCA", strict=True)
    ]
    for order in itertools.permutations([FIRST, *chain]):
        assert history(order) == [FIRST, *chain]
        assert champion_at(order, at(1)) == chain[2]
    # Without the event before it, the chain still has a first event.
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
    ("wrong", "message"),
    [
        ({"id": "A"}, "fit a label"),
        ({"id": "x" * 64}, "fit a label"),
        ({"id": ""}, "fit a label"),
        ({"action": "two words"}, "words of a-z with _"),
        ({"time": datetime(2026, 1, 1)}, "time needs a time zone"),
        ({"interval_end": datetime(2026, 1, 1)}, "interval_end needs a time zone"),
    ],
)
def test_an_invalid_event_is_an_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(FIRST, **wrong)


def test_evidence_is_converted_to_json() -> None:
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


events = st.builds(
    Event,
    id=st.from_regex(r"[a-z0-9_-]{1,63}", fullmatch=True),
    time=st.datetimes(timezones=st.just(UTC)),
    model=st.text(),
    action=st.sampled_from(["deploy_challenger", "promote", "blocked"]),
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


@given(events)
def test_an_event_survives_a_round_trip_through_a_row(written: Event) -> None:
    assert from_row(to_row(written)) == written


def test_rows_with_missing_values() -> None:
    bare = {"id": "a", "time": START, "model": "linnerud", "action": "adopt", "versions": None}
    assert from_row(bare) == replace(event("a", 0, "adopt"), reason="")
    for wrong in ({"evidence": "{"}, {"action": None}, {"id": "A B"}):
        with pytest.raises(EnvironmentConfigError, match="of the events table is no event"):
            from_row({**bare, **wrong})
