"""What is expected before there is evidence: by the last duel, the source, or an assumption; and
the sentences about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from titleholder.analysis.sequential.assumptions import (
    TargetStats,
    assumed_variance,
    rate_of_source,
    variance_of_past,
)
from titleholder.analysis.sequential.design import Design
from titleholder.analysis.sequential.forecast import Forecast
from titleholder.analysis.sequential.planning import (
    PastDuel,
    expectation_text,
    last_duel,
    rows_by_the_end,
)
from titleholder.analysis.sequential.sentences import (
    design_text,
    forecast_text,
    probability_text,
    units_text,
)
from titleholder.config.duel import Duel
from titleholder.data_intervals import Interval
from titleholder.events.event import Event

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGINS = datetime(2026, 11, 16, 5, tzinfo=UTC)
DESIGN = Design(
    "group_sequential",
    BEGINS,
    BEGINS + 6 * DAY,
    6,
    0.05,
    0.05,
    "superiority",
    0.0,
    "chins",
    "absolute",
    False,
    1000,
)
ENDLESS = replace(DESIGN, kind="confidence_sequence", ends=None, looks=0)
PAST = PastDuel(0.2, 570.0, 285.0, "linnerud@2", BEGINS)


def event(number: int = 0, **changes: Any) -> Event:
    """An evaluation by a duel of two days; `changes` are those of its evidence."""
    duel = {
        "loss": "absolute",
        "primary_target": "chins",
        "n": 570,
        "variance": 0.2,
        "window_start": (BEGINS - 2 * DAY).isoformat(),
        "window_end": BEGINS.isoformat(),
    }
    evidence = {"duel": duel | changes, "verdict": {"look": {"time": 0.1, "rows": 570}}}
    return Event(
        id=f"e{number}",
        time=BEGINS + number * HOUR,
        model="linnerud",
        endpoint="e",
        action="evaluated",
        reason="",
        challenger_after="2",
        versions={"2": "linnerud@2"},
        evidence=evidence,
    )


def test_the_last_duel_on_the_same_question_counts() -> None:
    assert last_duel([event()], DESIGN) == PAST
    newer = event(3, n=400, variance=0.5)
    found = last_duel([event(), newer, event(4, loss="squared")], DESIGN)
    assert found == PastDuel(0.5, 400.0, 200.0, "linnerud@2", BEGINS + 3 * HOUR)
    assert last_duel([replace(event(), action="promote")], DESIGN) is None
    clustered = replace(DESIGN, cluster_column="person")
    assert last_duel([event()], clustered) is None
    assert last_duel([event(cluster_column="person")], clustered) == PAST
    assert last_duel([event(cluster_column="person")], DESIGN) is None
    unnamed = replace(event(), challenger_after=None)
    assert last_duel([unnamed], DESIGN) is not None, "an event of another version"


@pytest.mark.parametrize(
    "changes",
    [
        {"primary_target": "situps"},
        {"loss": "squared"},
        {"variance": 0.0},
        {"variance": -1.0},
        {"variance": float("nan")},
        {"variance": "much"},
        {"n": 0},
        {"n": float("inf")},
        {"window_end": "soon"},
        {"window_end": None},
        {"window_end": (BEGINS - 2 * DAY).isoformat()},
        {"window_end": (BEGINS - 3 * DAY).isoformat()},
    ],
)
def test_a_duel_without_usable_numbers_does_not_count(changes: dict[str, Any]) -> None:
    assert last_duel([event(**changes)], DESIGN) is None


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"duel": None},
        {"duel": 3, "verdict": {"look": {}}},
        {"duel": event().evidence["duel"], "verdict": {"look": None}},
        {"duel": event().evidence["duel"], "verdict": None},
        {"duel": {"variance": 1}, "verdict": {"look": {"time": 1}}},
    ],
)
def test_events_of_other_versions_are_no_duels(evidence: dict[str, Any]) -> None:
    assert last_duel([replace(event(), evidence=evidence)], DESIGN) is None


def test_the_rows_by_the_end() -> None:
    assert rows_by_the_end(DESIGN, 100.0, timedelta(0)) == 600.0
    assert rows_by_the_end(DESIGN, 100.0, 6 * HOUR) == 575.0
    assert rows_by_the_end(DESIGN, 100.0, 7 * DAY) == 0.0
    assert rows_by_the_end(ENDLESS, 100.0, timedelta(0)) == 0.0


def test_the_expectation_in_words() -> None:
    text = expectation_text(DESIGN, PAST, 6 * HOUR)
    assert text == (
        "the smallest improvement that this design finds with 80 % by its end is 0.028 of the "
        "absolute loss of chins, with 285 rows a day and a variance of 0.2, as in the last duel on "
        "linnerud@2"
    )
    other = replace(
        DESIGN, hypothesis="non_inferiority", margin=0.02, cluster_column="person", loss="zero_one"
    )
    text = expectation_text(other, replace(PAST, rows_per_day=12345.6), 6 * HOUR)
    assert text.startswith("the smallest difference that this design finds")
    assert "with 12,346 clusters by person a day and" in text
    assert "of the zero-one loss of chins" in text
    assert expectation_text(ENDLESS, PAST, 6 * HOUR) == ""
    assert expectation_text(DESIGN, PAST, 7 * DAY) == "", "no label comes before the end"


def test_a_design_and_a_forecast_in_words() -> None:
    until = "until Sun 2026-11-22 05:00 UTC"
    assert design_text(DESIGN, 2) == f"group sequential {until}, 2 of 6 planned looks so far"
    futile = replace(DESIGN, futility=True)
    assert design_text(futile, 0).startswith(f"group sequential with futility {until}, 0 of 6")
    assert design_text(replace(ENDLESS, futility=True), 3) == (
        "confidence sequence without an end, 3 looks so far"
    )
    found = Forecast(0.831, 0.012, BEGINS)
    start = "at the present estimate and rate of rows"
    rest = "promoted by the end with 83 %, rolled back with 1 %; "
    assert forecast_text(found) == f"{start}: {rest}likely decided by Mon 2026-11-16"
    assert forecast_text(replace(found, decided_by=None), "late") == (
        f"{start}, without the issue late: {rest}likely undecided until then"
    )
    assert units_text(DESIGN) == "rows"


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "less than 1 %"),
        (0.0049, "less than 1 %"),
        (0.0051, "1 %"),
        (0.994, "99 %"),
        (0.996, "more than 99 %"),
        (1.0, "more than 99 %"),
    ],
)
def test_a_probability_in_words(probability: float, text: str) -> None:
    assert probability_text(probability) == text


def test_the_rate_of_a_source() -> None:
    interval = Interval(BEGINS - 10 * DAY, BEGINS)
    stats = TargetStats(200, 150, BEGINS - 30 * DAY, False, 0.3)
    found = rate_of_source(DESIGN, stats, interval, "p.d.t")
    assert found.value == 15.0
    assert found.origin == f"with a label of chins in p.d.t from {interval}"
    # A table that is younger than the interval, and one that is younger than a day.
    young = rate_of_source(DESIGN, replace(stats, first=BEGINS - 5 * DAY), interval, "p.d.t")
    assert young.value == 30.0
    assert f"from {Interval(BEGINS - 5 * DAY, BEGINS)}" in young.origin
    assert rate_of_source(DESIGN, replace(stats, first=BEGINS - HOUR), interval, "t").value == 150.0
    # A sample of half of the twenty rows a day.
    sampled = rate_of_source(replace(DESIGN, max_rows_per_day=10), stats, interval, "p.d.t")
    assert sampled.value == 7.5
    assert sampled.origin.endswith(", in a sample of at most 10 rows a day")
    whole = rate_of_source(replace(DESIGN, max_rows_per_day=20), stats, interval, "p.d.t")
    assert whole == found, "no row is left out"


def test_the_variance_of_the_last_duel_or_an_assumption() -> None:
    found = variance_of_past(DESIGN, replace(PAST, rows=1234.0))
    assert found.value == 0.2
    assert found.origin == (
        "that of the last duel, on linnerud@2 at 2026-11-16 05:00 UTC with 1,234 rows"
    )
    stats = TargetStats(200, 150, BEGINS, False, 0.3)
    rules = Duel(target="chins", feature_columns=["a"], target_columns=["chins"], loss="absolute")
    bound = assumed_variance(rules, stats)
    assert bound.value == 0.6
    assert "twice the variance 0.3 of the absolute loss of a constant" in bound.origin
    assert assumed_variance(rules, replace(stats, variance=None)).value == 0.0
    for loss, value in (("zero_one", 0.1), ("log_loss", 0.09)):
        assumed = assumed_variance(rules.model_copy(update={"loss": loss}), stats)
        assert assumed.value == value
        assert assumed.origin.startswith("an assumption, as there is no duel yet: that ")
