"""The champion's loss on the page: its days, its reference, decay, data drift and promotions."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.titleholder.page.model_sections import DAY, NOW, event, facts
from tests.titleholder.page.test_render import HOSTILE, VIEW, Parsed
from titleholder.config.watch import Watch
from titleholder.events.event import Event
from titleholder.page.facts import ModelFacts
from titleholder.page.loss_chart import loss_chart
from titleholder.page.overview import Attention, overview
from titleholder.page.render import page
from titleholder.page.sections import build_section
from titleholder.page.watching import watching

ALONE = replace(VIEW, deployed_models=VIEW.deployed_models[:1], labels={"champion": "1"})


def day(days_ago: int) -> date:
    return (NOW - days_ago * DAY).date()


def look(
    days_ago: float, days: list[tuple[int, float]], phase: str = "steady", **more: Any
) -> Event:
    """A look that counted these days, as days ago and loss."""
    champion = more.pop("champion", "1")
    alarm = more.pop("alarm", None)
    episodes = [{"alarm": day(alarm).isoformat(), "recovered": None}] if alarm else []
    finding = {"reference_mean": 2.0} if phase != "learning" else None
    return event(
        days_ago,
        "watched",
        reason=f"{phase}: the loss of linnerud@{champion} is what it is",
        champion_after=champion,
        versions={champion: f"linnerud@{champion}"},
        run="linnerud__rollout/scheduled__2026-11-20T05:00:00+00:00",
        evidence={
            "job": "projects/1/locations/us-central1/pipelineJobs/watch-1",
            "days": [
                {"day": day(ago).isoformat(), "n": 400, "loss": loss, "variance": 1.0}
                for ago, loss in days
            ],
            "state": {"phase": phase, "finding": finding, "episodes": episodes},
            "retraining": {"reason": "no early training yet: the challenger is evaluated"},
            **more,
        },
    )


EVENTS = (
    look(12, [(15, 1.9), (14, 2.1), (13, 2.0)], champion="0"),
    event(
        11.5,
        "promote",
        champion_before="0",
        champion_after="1",
        versions={"0": "linnerud@0", "1": "linnerud@1"},
    ),
    look(6, [(9, 1.9), (8, 2.0), (7, 2.1)], "learning"),
    look(1, [(4, 2.0), (3, 2.9), (2, 3.0)], "decayed", alarm=3),
)


def watched(*events: Event, **changes: Any) -> ModelFacts:
    return facts(*events, view=ALONE, watch=Watch(), **changes)


def test_the_days_of_each_champion_with_their_reference() -> None:
    found = watching(Watch(), EVENTS, "1")
    assert found is not None
    assert [point.day for point in found.points] == [day(n) for n in (15, 14, 13, 9, 8, 7, 4, 3, 2)]
    assert [point.version for point in found.points[:4]] == ["linnerud@0"] * 3 + ["linnerud@1"]
    # The reference of the first days is known since the later ones.
    assert {point.reference for point in found.points} == {2.0}
    assert [point.decayed for point in found.points[-3:]] == [False, True, True]
    assert found.phase == "decayed"
    assert found.tone == "bad"
    assert [version for _, version in found.promotions] == ["linnerud@1"]
    assert found.follows.startswith("no early training yet")


def test_a_new_champion_has_not_been_measured() -> None:
    found = watching(Watch(), EVENTS, "3")
    assert found is not None
    assert (found.phase, found.reason, found.decay) == ("", "", "")
    assert len(found.points) == 9
    assert watching(None, [], "1") is None
    # It was watched before, and its section has been removed.
    assert watching(None, EVENTS, "1") is not None


def test_events_with_any_content() -> None:
    odd = [
        event(3, "watched", champion_after="1", evidence=evidence)
        for evidence in ({}, {"days": 3, "state": []}, {"days": [None, {"day": 1}], "job": None})
    ]
    found = watching(Watch(), odd, "1")
    assert found is not None
    assert found.points == []
    assert "Watching the champion" in page([watched(*odd)], NOW, "")


def test_the_layout_of_the_chart() -> None:
    found = watching(Watch(), EVENTS, "1")
    assert found is not None
    drawn = loss_chart(found.points, found.promotions, 760)
    assert drawn is not None
    xs = [dot.x for dot in drawn.dots]
    assert xs == sorted(xs)
    assert drawn.left < xs[0] < xs[-1] < drawn.right
    first, second = drawn.references
    assert first.y == second.y
    assert (first.version, second.version) == ("linnerud@0", "linnerud@1")
    ((pixel, version),) = drawn.promotions
    assert xs[2] < pixel < xs[3]
    assert version == "linnerud@1"
    assert len(drawn.lines) == 2
    # A greater loss is higher up.
    assert drawn.dots[-1].y < drawn.dots[0].y
    assert loss_chart([], [], 760) is None
    single = loss_chart(found.points[:1], [], 350)
    assert single is not None
    assert single.lines == []


def test_a_decayed_champion_needs_a_person() -> None:
    section = build_section(watched(*EVENTS))
    assert section.warnings == ["The champion has decayed: the loss of linnerud@1 is what it is."]
    (row,) = overview([watched(*EVENTS)], {})
    assert row.attention is Attention.ACTION
    (steady,) = overview([watched(look(1, [(2, 2.0)]))], {})
    assert steady.attention is not Attention.ACTION


def test_the_section_shows_chart_days_and_what_follows() -> None:
    parsed = Parsed(page([watched(*EVENTS)], NOW, ""))
    assert "Watching the champion" in parsed.text
    assert "No early training yet: the challenger is evaluated." in parsed.text
    assert "All 9 days as a table" in parsed.text
    labels = [one.get("aria-label") or "" for one in parsed.of("svg")]
    assert sum(label.startswith("Loss of the champions of linnerud") for label in labels) == 2
    unwatched = facts(*EVENTS[1:2], view=ALONE, watch=None)
    assert "Watching the champion" not in page([unwatched], NOW, "")
    unmeasured = page([watched(event(3, "first_champion"))], NOW, "")
    assert "The present champion has not been measured yet." in unmeasured


@pytest.mark.parametrize("key", ["reason", "follows"])
def test_input_stays_text(key: str) -> None:
    hostile = look(1, [(2, 2.0)], retraining={"reason": HOSTILE})
    if key == "reason":
        hostile = replace(hostile, reason=HOSTILE, versions={"1": HOSTILE})
    html = page([watched(hostile)], NOW + timedelta(hours=1), "")
    assert "<img src=x" not in html
    assert "{{ 7 * 7 }}" in html


def drifting(days_ago: float, psi: float, drifted: list[str]) -> Event:
    columns = [{"column": name, "kind": "number", "psi": psi} for name in ("waist", "weight")]
    return look(days_ago, [], data_drift={"columns": columns}, drifted=drifted)


def test_a_column_is_above_its_limit_as_long_as_it_is() -> None:
    first = event(
        4, "data_drift", champion_after="1", evidence={"column": "waist", "occurrence": "1 waist"}
    )
    found = watching(Watch(), [drifting(4, 0.3, ["waist"]), first], "1")
    assert found is not None
    assert [(column.column, above) for column, _, above in found.drift] == [
        ("waist", True),
        ("weight", False),
    ]
    # The event is recorded once, and the drift is over.
    found = watching(Watch(), [drifting(4, 0.3, ["waist"]), first, drifting(2, 0.0, [])], "1")
    assert found is not None
    assert [above for _, _, above in found.drift] == [False, False]


def test_a_champion_that_was_deployed_again_is_the_same() -> None:
    """As by an update of its machine settings: it has another deployed model id."""
    update = event(
        1,
        "update_resources",
        champion_before="1",
        champion_after="2",
        versions={"1": "linnerud@1", "2": "linnerud@1"},
    )
    found = watching(Watch(), [*EVENTS, update], "2")
    assert found is not None
    assert found.phase == "decayed"
    assert found.decay
    other = replace(update, versions={"1": "linnerud@1", "2": "linnerud@2"})
    changed = watching(Watch(), [*EVENTS, other], "2")
    assert changed is not None
    assert changed.phase == ""
