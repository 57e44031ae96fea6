"""What is on record when BigQuery, or the one who made a change, is not there."""

from dataclasses import dataclass

import pytest
from titleholder.rollout.wishes import Wish

from tests.faults import Faults
from tests.titleholder.reconciler.conftest import Notebook, Scene, name
from tests.titleholder.reconciler.scenarios import shift
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired, RetryableError
from titleholder.events.event import Event
from titleholder.reconciler.engine import Converged, PendingOperation
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

A, B, C = name(0), name(1), name(2)


@dataclass
class Away(Notebook):
    """BigQuery, which does not answer at first."""

    away: bool = True
    asked: int = 0

    def append(self, events: list[Event]) -> None:
        self.asked += 1
        if self.away:
            raise RetryableError("BigQuery does not answer")
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
    with pytest.raises(RetryableError, match=r"m1@2 is champion .* could not be recorded in tests"):
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
    assert last.reason == (
        "read from the endpoint's labels afterwards, as it was not recorded: m1@2 champion with "
        "100 %"
    )


def test_a_refusal_is_told_even_if_it_cannot_be_recorded(seated: Scene) -> None:
    shift(seated, {A: 50, B: 50})
    with pytest.raises(DriftDetected, match="was changed by hand"):
        seated.play(Promote(B))
    assert seated.now[0] == {A: 50, B: 50}


def test_the_next_actor_writes_what_a_dead_one_left_out(seated: Scene) -> None:
    with pytest.raises(RetryableError):
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
    (superseded,) = (e for e in scene.notebook.events.values() if e.action == "superseded")
    assert superseded.champion_after == superseded.champion_before == B
    scene.play(scene.wish(2))
    shift(scene, {B: 50, C: 50})
    for _ in range(2):
        with pytest.raises(DriftDetected):
            scene.play(Promote(C))
    assert actions(scene) == ["crown", "superseded", "seat", "refused"]


WRONG = {
    "no challenger": (Promote(), "there is no challenger on"),
    "no such model": (Promote("77"), "id 77 is not the challenger on"),
    "no such previous": (UndoPromotion("77"), "id 77 is not the previous champion of"),
    "no such champion": (Adopt("77"), "id 77 has no traffic on"),
    "share out of range": (SetTrafficPercentage(A, 100), "1 to 99 per cent, not 100"),
    "no share": (SetTrafficPercentage(A), "the share is missing"),
}


@pytest.mark.parametrize(("wrong", "sentence"), WRONG.values(), ids=WRONG)
def test_a_request_that_is_wrong_in_itself_is_answered_and_no_event(
    scene: Scene, wrong: Wish, sentence: str
) -> None:
    scene.play(scene.wish(0))
    with pytest.raises(InvalidRequest, match=sentence):
        scene.engine().resolve_target(wrong)
    assert actions(scene) == ["crown"]


def test_a_challenger_that_left_before_its_decision_was_carried_out_is_an_event(
    scene: Scene,
) -> None:
    """The request was right when it was made."""
    scene.play(scene.wish(0))
    scene.play(scene.wish(1))
    scene.play(RollBack(B))
    with pytest.raises(ManualActionRequired, match="m1@2 is not the challenger on"):
        scene.play(SetTrafficPercentage(B, 50, only_current_challenger=True))
    assert actions(scene)[2:] == ["rollback", "refused"]


def test_each_event_says_what_that_change_was(scene: Scene) -> None:
    """Not what the run comes to: a run that makes place and seats tells two things."""
    for week in range(3):
        scene.play(scene.wish(week))
    scene.play(SetTrafficPercentage(C, 40))
    scene.play(Promote(C))
    scene.play(UndoPromotion(A))
    scene.play(scene.wish(3))
    scene.play(Abort(name(3)))
    assert [(event.action, event.reason) for event in scene.notebook.events.values()] == [
        ("crown", "m1@1 becomes champion, as there was none: it answers 100 %"),
        ("seat", "m1@2 becomes challenger: it answers 10 %, the champion m1@1 90 %"),
        ("withdraw", "m1@2 leaves for m1@3: the champion m1@1 answers 100 %"),
        ("seat", "m1@3 becomes challenger: it answers 10 %, the champion m1@1 90 %"),
        ("share", "m1@3 goes from 10 % to 40 %: the champion m1@1 answers 60 %"),
        ("promote", "m1@3 becomes champion instead of m1@1: it answers 100 %"),
        ("reinstate", "m1@1 becomes champion again instead of m1@3: it answers 100 %"),
        ("seat", "m1@4 becomes challenger: it answers 10 %, the champion m1@1 90 %"),
        (
            "abort",
            "m1@4 gets no more requests and stays deployed: the champion m1@1 answers 100 %",
        ),
    ]


def test_a_run_that_changes_nothing_says_so(scene: Scene) -> None:
    first = scene.play(scene.wish(0))
    assert first.summary == "m1@1 is champion with 100 % of the requests"
    again = scene.play(scene.wish(0))
    assert again.summary == "nothing to change: m1@1 is champion with 100 % of the requests"
    scene.play(scene.wish(1))
    late = scene.play(scene.wish(-1)), scene.play(scene.wish(-1))
    assert [one.changed for one in late] == [True, False]
    assert {one.summary.partition(":")[0] for one in late} == {"superseded"}


def test_a_run_that_waited_for_its_last_step_has_changed_something(
    scene: Scene, faults: Faults
) -> None:
    for week in range(2):
        scene.play(scene.wish(week))
    faults.delay_operation("undeploy_model", 60)
    waiting = scene.engine().run(RollBack(B))
    assert isinstance(waiting, PendingOperation)
    scene.vertex.clock.advance(120)
    done = scene.engine().run(RollBack(B), waiting)
    assert isinstance(done, Converged)
    assert done.summary == "m1@2 is gone, m1@1 champion with 100 % of the requests"


def test_names_say_no_role_and_no_week_that_is_anothers(scene: Scene) -> None:
    """What is deployed keeps its display name, and a model that of its first version."""
    for week in range(2):
        scene.play(scene.wish(week))
    scene.play(Promote(B))
    names = {seat.id: seat.display_name for seat in scene.view().deployed_models}
    assert names == {one: scene.wish(week).version.alias for week, one in enumerate((A, B))}
    model = scene.vertex.models.get_model(name=f"{scene.parent}/models/m1@2")
    assert model.display_name == "m1"
    assert "2026-09-07 03:00 to 2026-09-14 03:00" in model.version_description


@pytest.mark.parametrize("touched", [False, True])
def test_a_lost_event_has_the_split_that_was_changed_by_hand_if_it_is_known(
    seated: Scene, touched: bool
) -> None:
    """The labels record another split than the write left, which adopt or restore settles."""
    vertex = seated.vertex
    vertex.parent = seated.parent
    theirs = vertex.upload(seated.artifact, model_id="other").model
    vertex.finish(vertex.deploy(seated.endpoint, theirs, {"0": 20, A: 50, B: 30}, id="7"))
    with pytest.raises(RetryableError, match="still differs from what was recorded"):
        seated.play(Abort(B))
    if touched:
        shift(seated, {A: 70, "7": 30})
    seated.notebook = Notebook(events=seated.notebook.events)
    with pytest.raises(ManualActionRequired, match="was changed by hand"):
        seated.play(seated.wish(2))
    (abort,) = (e for e in seated.notebook.events.values() if e.action == "abort")
    assert abort.reconstructed
    assert (abort.champion_after, abort.challenger_after) == (A, None)
    assert abort.split_after == (None if touched else {A: 80, "7": 20})
