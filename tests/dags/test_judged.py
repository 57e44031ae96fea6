"""`<model>__rollout` by itself: what a challenger earns in a duel happens to the endpoint."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.dags.conftest import LAST_MONDAY, Google, Model, Played, seat
from tests.dags.tiny_duel import CASES
from tests.dags.tiny_pipeline import IMAGE
from titleholder.contract import Offer
from titleholder.environment import Environment
from titleholder.event_table import EventTable
from titleholder.events import Event

WEEK = timedelta(weeks=1)
DUEL = {
    "target": "equal",
    "metric": "absolute",
    "feature_columns": ["x"],
    "target_columns": CASES,
    "template": "tiny_duel.yaml",
    "minimum_time": "1s",
}


def judge(made: Model, case: str, days_ago: int = 0) -> Played:
    """A daily run whose duel comes out so. Each has a day of its own: of two on one day the second
    would take up the duel of the first."""
    made.change("duel", target=case)
    return made.play(datetime.now(UTC) - timedelta(days=days_ago), dag="rollout")


def events_of(made: Model) -> list[Event]:
    return EventTable(Environment("google_cloud_default"), "titleholder.events").read(made.name)


@pytest.fixture
def contested(model: Callable[..., Model], google: Google) -> Callable[..., Model]:
    """Makes a model with a champion and a challenger, as two weekly runs would seat them."""

    def make(**changes: Any) -> Model:
        made = model(duel=DUEL, **changes)
        for weeks in (3, 2):
            offer = Offer(google.artifact, IMAGE, "1.6.1", 90.0, f"{weeks:064x}")
            seat(made, LAST_MONDAY - weeks * WEEK, offer)
        return made

    return make


def test_held_then_promoted_then_nobody_is_left(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested()
    labels = google.endpoint(made.name).labels
    old, new = labels["champion"], labels["challenger"]

    before = google.endpoint(made.name)
    for case, says, days_ago in (
        ("equal", "not decided yet: the absolute loss of equal", 5),
        ("silent", "the challenger has no finite loss on 40 rows that the other answered", 4),
    ):
        held = judge(made, case, days_ago)
        assert held.state == "success", held.errors
        assert held.tasks["update_traffic"] == "skipped"
        assert says in held.returned["decide"]["reason"]
        assert google.endpoint(made.name) == before

    promoted = judge(made, "better", 1)
    assert promoted.state == "success", promoted.errors
    assert promoted.tasks["update_traffic"] == "success"
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {new: 100}
    assert (endpoint.labels["champion"], endpoint.labels["previous"]) == (new, old)
    told = [event for event in events_of(made) if event.action in ("judged", "promote")]
    assert [event.action for event in told] == ["judged"] * 3 + ["promote"]
    assert [event.evidence["verdict"]["looks"] for event in told[:3]] == [1, 2, 3]
    assert told[2].evidence["duel"]["mean"] == 0.5
    assert told[2].evidence["decision"]["wish"]["deployed_model_id"] == new
    assert told[3].evidence["job"] == told[2].evidence["job"]
    assert told[3].evidence["report"].startswith("gs://")

    alone = judge(made, "better")
    assert alone.state == "success", alone.errors
    assert set(alone.tasks.values()) == {"skipped"}
    assert google.endpoint(made.name) == endpoint


def test_rolled_back_and_a_persons_intent(contested: Callable[..., Model], google: Google) -> None:
    made = contested(rollout__steps=[10, 40])
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]

    person = made.play(None, dag="rollout", intent="share", share=20)
    assert person.state == "success", person.errors
    assert person.tasks == {
        "observe": "success",
        **dict.fromkeys(("submit_duel", "wait_for_duel", "decide"), "skipped"),
        "update_traffic": "success",
    }
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 80, challenger: 20}

    moved = judge(made, "better", 1)
    assert moved.state == "success", moved.errors
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 60, challenger: 40}

    # The source has been silent for months: a promotion would wait for it, a rollback does not.
    gone = judge(made, "worse", 90)
    assert gone.state == "success", gone.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {champion: 100}
    assert endpoint.labels["withdrawn"] == challenger
    assert [seat.id for seat in endpoint.deployed_models] == [champion]


def test_never_promoted_and_the_next_one_waits(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested(rollout={"promotion": "never", "on_new_challenger": "wait"})
    before = google.endpoint(made.name)
    kept = judge(made, "better", 1)
    assert kept.state == "success", kept.errors
    assert kept.returned["decide"]["outcome"] == "promote"
    assert "rollout.promotion is never" in kept.returned["decide"]["reason"]
    assert google.endpoint(made.name) == before

    waits = made.play(LAST_MONDAY - WEEK)
    assert waits.state == "success", waits.errors
    assert waits.returned["update_traffic"]["outcome"] == "waiting"
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 3
    last = events_of(made)[-1]
    assert last.action == "waiting"
    assert f"({before.labels['challenger']}) is still being judged" in last.reason
