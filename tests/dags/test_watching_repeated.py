"""The watch of the champion when attempts fail, and when tasks are cleared or people act."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model, deploy, reserialize
from tests.dags.contested import contested as contested
from tests.dags.contested import evaluate
from tests.dags.tiny_pipeline import IMAGE
from tests.dags.watched import TRAINED, WATCH, case, look, recorded, training_runs
from tests.dags.watched import watched as watched
from tests.sink import Sink
from titleholder.alerts.task_failure import AttemptFailure
from titleholder.operators.watching import watch_champion
from titleholder.operators.watching.watch_champion import WatchChampionOperator
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel


def test_an_attempt_that_is_lost_after_its_events_loses_no_alert(
    watched: Callable[..., Model],
    clock: SandboxClock,
    webhook_sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = watched(case("break", 16))
    reserialize()
    report, attempts = WatchChampionOperator._report, []

    def lost_at_first(self: Any, *arguments: Any) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise AttemptFailure("lost")
        report(self, *arguments)

    monkeypatch.setattr(WatchChampionOperator, "_report", lost_at_first)
    result = look(made, clock, 20, retries=1)
    assert result.state == "success", result.errors
    assert len(attempts) == 2
    assert len(recorded(made, "decayed")) == len(recorded(made, "retrain")) == 1
    assert webhook_sink.titles() == ["champion decayed", "early training"]

    # Cleared, each of them alone: nothing is new.
    made.clear(result.run_id, "watch_champion", clock=clock)
    assert len(training_runs(made)) == 1
    assert webhook_sink.titles() == ["champion decayed", "early training"]


def test_a_cleared_start_of_a_training_is_no_second_alert(
    watched: Callable[..., Model], clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched(case("break", 16))
    reserialize()
    result = look(made, clock, 20)
    again = made.clear(result.run_id, "retrain", clock=clock)
    assert again.tasks == {"retrain": "skipped"}
    assert len(training_runs(made)) == len(recorded(made, "retrain")) == 1
    assert webhook_sink.titles().count("early training") == 1


def test_a_champion_that_lost_its_role_in_the_same_run_is_not_watched(
    contested: Callable[..., Model], webhook_sink: Sink
) -> None:
    """The promotion by the duel and the look at the champion wait for nothing but the duel."""
    made = contested(timedelta(days=20), watch=WATCH)
    result = evaluate(made, "better")
    assert result.tasks["update_traffic"] == "success", result.errors
    assert len(recorded(made, "promote")) == 1
    before = webhook_sink.titles()
    again = made.clear(result.run_id, "watch_champion")
    assert again.tasks == {"watch_champion": "skipped"}, again.errors
    assert not recorded(made, "blocked")
    assert webhook_sink.titles() == before


@pytest.mark.long
def test_a_return_that_a_person_undid_is_not_repeated(
    watched: Callable[..., Model], google: Google, clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched(
        case("returns", 20),
        watch={"on_decay": "undo_promotion", "retrain_on": ["schedule"]},
        duel={"template": "tiny_duel.yaml", "min_rows": 300},
    )
    second = CandidateModel(
        google.artifact, ContainerSpec(image_uri=IMAGE), "1.6.1", 90.0, f"{2:064x}"
    )
    deploy(made, TRAINED + timedelta(weeks=1), second, clock)
    made.run(None, dag="rollout", clock=clock, intent="promote")
    champion = google.endpoint(made.name).labels["champion"]
    number = 24
    while (result := look(made, clock, number)).tasks["undo_promotion"] != "success":
        assert number < 30, result.errors
        number += 1
    assert google.endpoint(made.name).labels["champion"] != champion

    back = {"intent": "undo_promotion", "deployed_model_id": champion}
    by_hand = made.run(None, dag="rollout", clock=clock, **back)
    assert by_hand.state == "success", by_hand.errors
    assert google.endpoint(made.name).labels["champion"] == champion
    later = look(made, clock, number + 1)
    assert later.state == "success", later.errors
    assert later.returned["watch_champion"]["phase"] == "decayed"
    assert later.tasks["undo_promotion"] == "skipped"
    comparison = recorded(made, "watched")[-1].evidence["comparison"]
    assert comparison["result"]["better"]
    assert "a promotion was undone" in comparison["kept"]
    # The run that moved the traffic says nothing new when it is cleared much later, either.
    clock.move(clock() + timedelta(days=3))
    old = made.clear(result.run_id, "undo_promotion", clock=clock)
    assert old.tasks == {"undo_promotion": "failed"}
    assert "clear the run from observe on" in old.errors["undo_promotion"]
    assert google.endpoint(made.name).labels["champion"] == champion


def test_what_a_backfill_finds_is_reported_by_the_next_run(
    watched: Callable[..., Model],
    clock: SandboxClock,
    webhook_sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The alerts of a backfill are not sent, and each event has only one."""
    made = watched(case("break", 16))
    reserialize()
    with monkeypatch.context() as patch:
        patch.setattr(watch_champion, "is_backfill", lambda context: True)
        backfilled = look(made, clock, 20)
    assert backfilled.state == "success", backfilled.errors
    assert backfilled.returned["watch_champion"]["phase"] == "decayed"
    assert backfilled.tasks["retrain"] == "skipped"
    assert len(recorded(made, "watched")) == 1
    assert not recorded(made, "decayed", "retrain")
    assert not webhook_sink.titles()

    result = look(made, clock, 21)
    assert result.state == "success", result.errors
    assert webhook_sink.titles() == ["champion decayed", "early training"]
    assert len(recorded(made, "decayed")) == len(training_runs(made)) == 1
