"""What is on record when BigQuery, or the one who made a change, is not there."""

from dataclasses import dataclass

import pytest

from tests.faults import Faults
from tests.rollouts.conftest import Notebook, Scene, name
from tests.rollouts.scenarios import shift
from titleholder.errors import Refusal, TryAgain
from titleholder.events import Event
from titleholder.rollout.intents import Abort, Promote
from titleholder.rollout.wishes import Wish

A, B = name(0), name(1)


@dataclass
class Away(Notebook):
    """BigQuery, which does not answer at first."""

    away: bool = True
    asked: int = 0

    def append(self, events: list[Event]) -> None:
        self.asked += 1
        if self.away:
            raise TryAgain("BigQuery does not answer")
        super().append(events)


@pytest.fixture
def seated(scene: Scene) -> Scene:
    """A champion and a challenger, on record; from now on BigQuery is away."""
    scene.play(scene.wish(0))
    scene.play(scene.wish(1))
    scene.notebook = Away(events=scene.notebook.events)
    return scene


def actions(scene: Scene) -> list[str]:
    return [event.action for event in scene.notebook.events.values()]


def test_a_rollout_does_not_wait_for_its_record_and_asks_to_be_repeated(seated: Scene) -> None:
    with pytest.raises(TryAgain, match=rf"{B} is champion .* could not be recorded in tests"):
        seated.play(Promote(B))
    assert seated.now[0] == {B: 100}
    assert actions(seated) == ["crown", "seat"]
    # At the first event, and at the end: traffic does not wait for BigQuery's timeout at each step.
    assert seated.notebook.asked == 2  # type: ignore[attr-defined]
    seated.notebook.away = False  # type: ignore[attr-defined]
    seated.play(Promote(B))
    assert actions(seated) == ["crown", "seat", "promote"]
    last = list(seated.notebook.events.values())[-1]
    assert last.reconstructed
    assert (last.champion_after, last.split_after) == (B, {B: 100})
    assert last.versions[A] == "m1@1"


def test_a_refusal_is_told_even_if_it_cannot_be_recorded(seated: Scene) -> None:
    with pytest.raises(Refusal, match="77 is not the challenger"):
        seated.play(Abort("77"))
    assert seated.now[0] == {A: 90, B: 10}


def test_the_next_actor_writes_what_a_dead_one_left_out(seated: Scene) -> None:
    with pytest.raises(TryAgain):
        seated.play(Abort(B))
    seated.notebook = Notebook(events=seated.notebook.events)
    seated.play(seated.wish(0))
    assert actions(seated)[:3] == ["crown", "seat", "abort"]


def test_the_full_event_takes_the_place_of_a_reconstructed_one(
    scene: Scene, faults: Faults
) -> None:
    """The answer to the write is lost, and the writer finds its own change by the label."""
    scene.play(scene.wish(0))
    scene.play(scene.wish(1))
    faults.drop("update_endpoint", when="after")
    scene.play(Promote(B))
    last = list(scene.notebook.events.values())[-1]
    assert (last.action, last.reconstructed, last.champion_before) == ("promote", False, A)


def test_refusals_and_supersessions_are_on_record_once(scene: Scene) -> None:
    scene.play(scene.wish(1))
    for _ in range(2):
        assert scene.play(scene.wish(0)).plan.outcome == "superseded"
        with pytest.raises(Refusal, match="there is no challenger on"):
            scene.engine().pin(Wish("promote"))
        with pytest.raises(Refusal, match="is not the challenger on"):
            scene.play(Promote(name(5)))
    assert sorted(actions(scene)) == ["crown", "refused", "refused", "superseded"]
    (superseded,) = (e for e in scene.notebook.events.values() if e.action == "superseded")
    assert superseded.champion_after == superseded.champion_before == B


@pytest.mark.parametrize("touched", [False, True])
def test_a_lost_event_has_the_split_that_was_changed_by_hand_if_it_is_known(
    seated: Scene, touched: bool
) -> None:
    """The labels record another split than the write left, which adopt or restore settles."""
    vertex = seated.vertex
    vertex.parent = seated.parent
    theirs = vertex.upload(seated.artifact, model_id="other").model
    vertex.finish(vertex.deploy(seated.endpoint, theirs, {"0": 20, A: 50, B: 30}, id="7"))
    with pytest.raises(TryAgain, match="still differs from what was recorded"):
        seated.play(Abort(B))
    if touched:
        shift(seated, {A: 70, "7": 30})
    seated.notebook = Notebook(events=seated.notebook.events)
    with pytest.raises(Refusal, match="was changed by hand"):
        seated.play(seated.wish(2))
    (abort,) = (e for e in seated.notebook.events.values() if e.action == "abort")
    assert abort.reconstructed
    assert (abort.champion_after, abort.challenger_after) == (A, None)
    assert abort.split_after == (None if touched else {A: 80, "7": 20})
