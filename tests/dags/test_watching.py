"""The daily DAG watches the champion, with a job whose evidence a test chooses."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model, deploy, reserialize
from tests.dags.tiny_pipeline import IMAGE
from tests.dags.watched import TRAINED, case, day, look, recorded, training_runs
from tests.dags.watched import watched as watched
from tests.sink import Sink
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel


def test_a_break_is_found_once_and_starts_one_training(
    watched: Callable[..., Model], google: Google, clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched(case("break", 20))
    reserialize()
    before = google.endpoint(made.name)

    first = look(made, clock, 19)
    assert first.state == "success", first.errors
    assert first.tasks == {
        "observe": "success",
        **dict.fromkeys(("submit_duel", "wait_for_duel", "decide", "update_traffic"), "skipped"),
        **dict.fromkeys(("submit_watch", "wait_for_watch", "watch_champion"), "success"),
        "retrain": "skipped",
    }
    (event,) = recorded(made, "watched")
    assert len(event.evidence["days"]) == 20
    assert event.evidence["state"]["phase"] == "steady"
    assert event.reason.startswith(f"steady: the loss of {made.name}@1 on the newest day")

    runs = []
    for number in range(20, 26):
        runs.append(look(made, clock, number))
        assert runs[-1].state == "success", runs[-1].errors
        if runs[-1].returned["watch_champion"]["phase"] == "decayed":
            break
    # Two days, or a few more for the others of the daily noise.
    assert 2 <= len(runs) <= 4
    (decayed,) = recorded(made, "decayed")
    assert "since about " + str(day(20).date()) in decayed.reason
    assert runs[-1].tasks["retrain"] == "success"
    (started,) = recorded(made, "retrain")
    (run,) = training_runs(made)
    assert run.run_id == started.evidence["run_id"]
    alarm = decayed.evidence["decay"]["alarm"]
    end = day(19 + len(runs) + 1)
    assert run.conf == {"interval_end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    assert alarm == str((end - timedelta(days=1)).date())
    assert webhook_sink.titles() == ["champion decayed", "early training"]
    assert google.endpoint(made.name) == before


def test_one_training_through_retries_clears_and_later_runs(
    watched: Callable[..., Model], clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched(case("break", 16))
    reserialize()
    alarmed = look(made, clock, 20)
    assert alarmed.returned["watch_champion"]["phase"] == "decayed", alarmed.errors
    (run,) = training_runs(made)

    # Cleared: the same look, and Airflow refuses the id of the run.
    again = made.clear(alarmed.run_id, "watch_champion", "retrain", clock=clock)
    assert again.tasks == {"watch_champion": "success", "retrain": "skipped"}
    # A second run of the same day, as after `airflow dags trigger`, and one of an older day.
    for number in (20, 18):
        repeated = look(made, clock, number, retries=1)
        assert repeated.state == "success", repeated.errors
        assert repeated.tasks["retrain"] == "skipped"
    later = look(made, clock, 21)
    assert later.tasks["retrain"] == "skipped"
    assert (
        "its early training was started"
        in recorded(made, "watched")[-1].evidence["retraining"]["reason"]
    )
    assert [one.run_id for one in training_runs(made)] == [run.run_id]
    assert len(recorded(made, "decayed")) == len(recorded(made, "retrain")) == 1
    assert webhook_sink.titles().count("champion decayed") == 1


def test_the_early_training_has_its_own_interval_and_its_challenger_is_judged(
    watched: Callable[..., Model], google: Google, clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched(case("break", 16))
    reserialize()
    alarmed = look(made, clock, 20)
    assert alarmed.tasks["retrain"] == "success", alarmed.errors
    (run,) = training_runs(made)
    end = day(21)
    made.load(end - timedelta(hours=1), rows=600)
    trained = made.run(None, clock=clock, **run.conf)
    assert trained.state == "success", trained.errors
    start = end - timedelta(weeks=1)
    name = f"{made.name}-{start:%Y%m%dt%H%M}-{end:%Y%m%dt%H%M}-g0"
    assert trained.returned["submit_pipeline"]["run"] == name
    endpoint = google.endpoint(made.name)
    assert endpoint.labels["challenger"]
    deployed = recorded(made, "deploy_challenger")[-1]
    assert (deployed.interval_start, deployed.interval_end) == (start, end)

    # The champion is watched on, and no training is started while there is a challenger.
    judged = look(made, clock, 22)
    assert judged.state == "success", judged.errors
    assert judged.tasks["decide"] == judged.tasks["watch_champion"] == "success"
    assert judged.tasks["retrain"] == "skipped"
    assert len(recorded(made, "watched")[-1].evidence["days"]) == 2

    # The next scheduled run trains on its own interval, as always.
    monday = end + timedelta(days=(7 - end.weekday()) % 7, hours=3)
    made.load(monday - timedelta(hours=1), rows=600)
    clock.move(monday + timedelta(hours=1))
    scheduled = made.run(monday, clock=clock)
    assert scheduled.state == "success", scheduled.errors
    assert recorded(made, "deploy_challenger")[-1].interval_end == monday


@pytest.mark.long
def test_what_is_no_decay(
    watched: Callable[..., Model], clock: SandboxClock, webhook_sink: Sink
) -> None:
    for scenario in (case("twice", 18), "constant", "weekly"):
        made = watched(scenario, watch={"window": "28d"})
        found = look(made, clock, 27)
        assert found.state == "success", found.errors
        (event,) = recorded(made, "watched", "decayed", "retrain")
        assert len(event.evidence["days"]) == 28
        assert event.evidence["state"]["phase"] == "steady"
    assert not webhook_sink.titles()


def test_days_without_enough_labels_or_rows_are_not_counted(
    watched: Callable[..., Model], clock: SandboxClock
) -> None:
    made = watched(case("unlabelled", 18), watch={"min_rows": 50})
    result = look(made, clock, 20)
    assert result.state == "success", result.errors
    (event,) = recorded(made, "watched")
    assert len(event.evidence["days"]) == 18
    assert [one["day"] for one in event.evidence["skipped"]] == [
        str(day(number).date()) for number in (18, 19, 20)
    ]
    assert "0 of 400 rows have a label" in event.evidence["skipped"][0]["reason"]

    # The labels have come: no newer day has been counted, so that these are.
    made.configure("duel", feature_columns=["steady"])
    look(made, clock, 21)
    assert [one["day"] for one in recorded(made, "watched")[-1].evidence["days"]] == [
        str(day(number).date()) for number in (18, 19, 20, 21)
    ]

    # The source has lost most of its rows: what was counted stays.
    made.configure("duel", feature_columns=[case("shrunk", 10)])
    shrunk = look(made, clock, 22)
    assert shrunk.state == "success", shrunk.errors
    last = recorded(made, "watched")[-1]
    assert last.evidence["days"] == []
    assert "20 were scored, fewer than min_rows 50" in last.evidence["skipped"][0]["reason"]
    assert last.evidence["state"]["phase"] == "steady"


def test_a_change_by_hand_is_reported_and_nothing_is_counted(
    watched: Callable[..., Model], google: Google, clock: SandboxClock, webhook_sink: Sink
) -> None:
    made = watched("steady")
    endpoint = google.endpoint(made.name)
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, labels={**endpoint.labels, "champion": "77"}),
        update_mask=FieldMask(paths=["labels"]),
    )
    result = look(made, clock, 20)
    assert result.state == "failed"
    assert result.tasks["observe"] == "failed"
    assert not recorded(made, "watched")
    assert webhook_sink.titles() == ["manual change detected"]


@pytest.mark.parametrize("scenario", ["returns", pytest.param("stays", marks=pytest.mark.long)])
def test_the_previous_champion_returns_only_if_it_is_better(
    watched: Callable[..., Model],
    google: Google,
    clock: SandboxClock,
    webhook_sink: Sink,
    scenario: str,
) -> None:
    made = watched(
        case(scenario, 20),
        watch={"on_decay": "undo_promotion", "retrain_on": ["schedule"]},
        duel={"template": "tiny_duel.yaml", "min_rows": 500},
    )
    previous = google.endpoint(made.name).labels["champion"]
    second = CandidateModel(
        google.artifact, ContainerSpec(image_uri=IMAGE), "1.6.1", 90.0, f"{2:064x}"
    )
    deploy(made, TRAINED + timedelta(weeks=1), second, clock)
    promoted = made.run(None, dag="rollout", clock=clock, intent="promote")
    assert promoted.state == "success", promoted.errors
    champion = google.endpoint(made.name).labels["champion"]
    assert champion != previous

    phases = []
    for number in range(21, 30):
        result = look(made, clock, number)
        assert result.state == "success", result.errors
        assert "retrain" not in result.tasks
        phases.append(result.returned["watch_champion"]["phase"])
        if result.tasks["undo_promotion"] == "success":
            break
    roles = google.endpoint(made.name).labels
    if scenario == "stays":
        assert phases[-1] == "decayed"
        assert len(phases) == 9
        assert roles["champion"] == champion
        last = recorded(made, "watched")[-1].evidence["comparison"]
        assert last["result"]["better"] is False
        return
    # Only days after the alarm count, and one of them has fewer than duel.min_rows rows.
    assert phases.count("decayed") == 3
    assert (roles["champion"], roles["previous-champion"]) == (previous, champion)
    (undone,) = recorded(made, "undo_promotion")
    assert "the previous champion is better" in undone.evidence["reason"]
    assert webhook_sink.titles()[-2:] == ["champion decayed", "promotion undone"]
