"""The events in the table when BigQuery does not answer, or a caller dies after its change."""

from dataclasses import dataclass

import pytest

from tests.faults import FaultKinds
from tests.titleholder.reconciler.conftest import FakeEventsTable, ModelUnderTest, id_of_week
from tests.titleholder.reconciler.scenarios import set_split_by_hand
from tests.titleholder.reconciler.scenarios_in_memory import (
    _use_the_local_server as _use_the_local_server,
)
from tests.titleholder.reconciler.scenarios_in_memory import _vertex as _vertex
from tests.titleholder.reconciler.scenarios_in_memory import faults as faults
from tests.titleholder.reconciler.scenarios_in_memory import m1 as m1
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired, RetryableError
from titleholder.events.event import Event
from titleholder.reconciler.engine import Converged, PendingOperation
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Promote,
    RoleIntent,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

A, B, C = id_of_week(0), id_of_week(1), id_of_week(2)


@dataclass
class UnavailableEventsTable(FakeEventsTable):
    """An events table that fails until `unavailable` is False."""

    unavailable: bool = True
    received: int = 0

    def append(self, events: list[Event]) -> None:
        self.received += 1
        if self.unavailable:
            raise RetryableError("BigQuery does not answer")
        super().append(events)


@pytest.fixture
def challenged(m1: ModelUnderTest) -> ModelUnderTest:
    """A champion and a challenger, with their events; from then on BigQuery does not answer."""
    m1.run(m1.candidate(0))
    m1.run(m1.candidate(1))
    m1.events_table = UnavailableEventsTable(events=m1.events_table.events)
    return m1


def actions(m1: ModelUnderTest) -> list[str]:
    return [event.action for event in m1.events_table.events.values()]


def test_an_unrecorded_change_is_made_and_asks_for_a_repetition(
    challenged: ModelUnderTest,
) -> None:
    with pytest.raises(RetryableError, match=r"m1@2 is champion .* could not be recorded in tests"):
        challenged.run(Promote(B))
    assert challenged.now[0] == {B: 100}
    assert actions(challenged) == ["first_champion", "deploy_challenger"]
    # At the first event and at the end: not every step waits for the timeout of BigQuery.
    assert challenged.events_table.received == 2  # type: ignore[attr-defined]
    challenged.events_table.unavailable = False  # type: ignore[attr-defined]
    challenged.run(Promote(B))
    assert actions(challenged) == ["first_champion", "deploy_challenger", "promote"]
    last = list(challenged.events_table.events.values())[-1]
    assert last.reconstructed
    assert (last.champion_after, last.split_after) == (B, {B: 100})
    assert last.versions[A] == "m1@1"
    assert last.reason == (
        "read from the endpoint's labels afterwards, as it was not recorded: m1@2 champion with "
        "100 %"
    )


def test_a_blocked_change_raises_even_if_it_cannot_be_recorded(challenged: ModelUnderTest) -> None:
    set_split_by_hand(challenged, {A: 50, B: 50})
    with pytest.raises(DriftDetected, match="was changed by hand"):
        challenged.run(Promote(B))
    assert challenged.now[0] == {A: 50, B: 50}


def test_the_next_caller_records_the_change_of_a_caller_that_died(
    challenged: ModelUnderTest,
) -> None:
    with pytest.raises(RetryableError):
        challenged.run(Abort(B))
    challenged.events_table = FakeEventsTable(events=challenged.events_table.events)
    challenged.run(challenged.candidate(0))
    assert actions(challenged)[:3] == ["first_champion", "deploy_challenger", "abort"]


def test_a_change_whose_answer_is_lost_is_recorded_as_a_full_event(
    m1: ModelUnderTest, faults: FaultKinds
) -> None:
    """The caller finds its own change by the label."""
    m1.run(m1.candidate(0))
    m1.run(m1.candidate(1))
    faults.drop("update_endpoint", when="after")
    m1.run(Promote(B))
    last = list(m1.events_table.events.values())[-1]
    assert (last.action, last.reconstructed, last.champion_before) == ("promote", False, A)


def test_blocked_and_superseded_are_recorded_once(m1: ModelUnderTest) -> None:
    m1.run(m1.candidate(1))
    for _ in range(2):
        assert m1.run(m1.candidate(0)).plan.outcome == "superseded"
    (superseded,) = (e for e in m1.events_table.events.values() if e.action == "superseded")
    assert superseded.champion_after == superseded.champion_before == B
    m1.run(m1.candidate(2))
    set_split_by_hand(m1, {B: 50, C: 50})
    for _ in range(2):
        with pytest.raises(DriftDetected):
            m1.run(Promote(C))
    assert actions(m1) == ["first_champion", "superseded", "deploy_challenger", "blocked"]


INVALID = {
    "no challenger": (Promote(), "there is no challenger on"),
    "no such model": (Promote("77"), "id 77 is not the challenger on"),
    "no such previous champion": (UndoPromotion("77"), "id 77 is not the previous champion of"),
    "no such champion": (Adopt("77"), "id 77 has no traffic on"),
    "percentage out of range": (SetTrafficPercentage(A, 100), "percentage is 1 to 99, not 100"),
    "no percentage": (SetTrafficPercentage(A), "percentage is 1 to 99, not 0"),
}


@pytest.mark.parametrize(("intent", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_request_is_no_event(
    m1: ModelUnderTest, intent: RoleIntent, message: str
) -> None:
    m1.run(m1.candidate(0))
    with pytest.raises(InvalidRequest, match=message):
        m1.engine().resolve_target(intent)
    assert actions(m1) == ["first_champion"]


def test_a_decision_about_a_challenger_that_is_undeployed_is_recorded_as_blocked(
    m1: ModelUnderTest,
) -> None:
    """The decision was valid when it was made."""
    m1.run(m1.candidate(0))
    m1.run(m1.candidate(1))
    m1.run(RollBack(B))
    with pytest.raises(ManualActionRequired, match="m1@2 is not the challenger on"):
        m1.run(SetTrafficPercentage(B, 50, only_current_challenger=True))
    assert actions(m1)[2:] == ["rollback", "blocked"]


def test_the_reason_of_each_event_describes_its_change(m1: ModelUnderTest) -> None:
    """It does not describe the whole run: replacing a challenger makes two events."""
    for week in range(3):
        m1.run(m1.candidate(week))
    m1.run(SetTrafficPercentage(C, 40))
    m1.run(Promote(C))
    m1.run(UndoPromotion(A))
    m1.run(m1.candidate(3))
    m1.run(Abort(id_of_week(3)))
    assert [(event.action, event.reason) for event in m1.events_table.events.values()] == [
        ("first_champion", "m1@1 becomes champion, as there was none: it receives 100 %"),
        ("deploy_challenger", "m1@2 becomes challenger: it receives 10 %, the champion m1@1 90 %"),
        ("remove_challenger", "m1@2 leaves for m1@3: the champion m1@1 receives 100 %"),
        ("deploy_challenger", "m1@3 becomes challenger: it receives 10 %, the champion m1@1 90 %"),
        ("set_traffic", "m1@3 goes from 10 % to 40 %: the champion m1@1 receives 60 %"),
        ("promote", "m1@3 becomes champion instead of m1@1: it receives 100 %"),
        ("undo_promotion", "m1@1 becomes champion again instead of m1@3: it receives 100 %"),
        ("deploy_challenger", "m1@4 becomes challenger: it receives 10 %, the champion m1@1 90 %"),
        (
            "abort",
            "m1@4 receives no more traffic and stays deployed: the champion m1@1 receives 100 %",
        ),
    ]


def test_the_summary_says_when_nothing_was_changed(m1: ModelUnderTest) -> None:
    first = m1.run(m1.candidate(0))
    assert first.summary == "m1@1 is champion with 100 % of the traffic"
    again = m1.run(m1.candidate(0))
    assert again.summary == "nothing to change: m1@1 is champion with 100 % of the traffic"
    m1.run(m1.candidate(1))
    superseded = m1.run(m1.candidate(-1)), m1.run(m1.candidate(-1))
    assert [one.changed for one in superseded] == [True, False]
    assert {one.summary.partition(":")[0] for one in superseded} == {"superseded"}


def test_the_summary_after_a_deferral_is_that_of_a_change(
    m1: ModelUnderTest, faults: FaultKinds
) -> None:
    for week in range(2):
        m1.run(m1.candidate(week))
    faults.delay_operation("undeploy_model", 60)
    waiting = m1.engine().run(RollBack(B))
    assert isinstance(waiting, PendingOperation)
    m1.vertex.clock.advance(120)
    done = m1.engine().run(RollBack(B), waiting)
    assert isinstance(done, Converged)
    assert done.summary == "m1@2 is undeployed, m1@1 is champion with 100 % of the traffic"


def test_display_names_contain_no_role(m1: ModelUnderTest) -> None:
    """A deployed model keeps its display name, and a model that of its first version."""
    for week in range(2):
        m1.run(m1.candidate(week))
    m1.run(Promote(B))
    names = {one.id: one.display_name for one in m1.view().deployed_models}
    assert names == {one: m1.candidate(week).version.alias for week, one in enumerate((A, B))}
    model = m1.vertex.models.get_model(name=f"{m1.parent}/models/m1@2")
    assert model.display_name == "m1"
    assert "2026-09-07 03:00 to 2026-09-14 03:00" in model.version_description


@pytest.mark.parametrize("changed_again", [False, True])
def test_a_reconstructed_event_has_the_split_after_manual_changes_if_it_is_known(
    challenged: ModelUnderTest, changed_again: bool
) -> None:
    """The labels record another split than the write left, until adopt or restore."""
    vertex = challenged.vertex
    vertex.parent = challenged.parent
    unmanaged = vertex.upload(challenged.artifact, model_id="other").model
    vertex.finish(vertex.deploy(challenged.endpoint, unmanaged, {"0": 20, A: 50, B: 30}, id="7"))
    with pytest.raises(RetryableError, match="still differs from what was recorded"):
        challenged.run(Abort(B))
    if changed_again:
        set_split_by_hand(challenged, {A: 70, "7": 30})
    challenged.events_table = FakeEventsTable(events=challenged.events_table.events)
    with pytest.raises(ManualActionRequired, match="was changed by hand"):
        challenged.run(challenged.candidate(2))
    (abort,) = (e for e in challenged.events_table.events.values() if e.action == "abort")
    assert abort.reconstructed
    assert (abort.champion_after, abort.challenger_after) == (A, None)
    assert abort.split_after == (None if changed_again else {A: 80, "7": 20})
