"""Looks at the champion, one after the other."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.titleholder.analysis.watching.looks import (
    CHAMPION,
    DUEL,
    WATCH,
    at,
    days,
    event_of,
    look,
    measured,
)
from titleholder.analysis.watching.consequences import occasions_of, occurrences
from titleholder.analysis.watching.data_drift import parse_data_drift
from titleholder.analysis.watching.history import compared_days, watch_history
from titleholder.analysis.watching.look import look_at
from titleholder.config.duel import Duel
from titleholder.config.watch import DataDrift, Watch
from titleholder.events.event import Action, Event


def test_each_day_is_counted_once_and_as_it_was_first_measured() -> None:
    first = look([], measured(days(0, 6), "j1"))
    events = [event_of(first)]
    assert first.reason.startswith("learning: 7 of 14 reference days of m1@3 are counted")
    assert first.reason.endswith("; on the held-out rows of its training it was 1.9")
    # The window overlaps, and an older day has another loss by now.
    second = look(events, measured(days(3, 9, broken=0), "j2"))
    assert [one.day for one in second.days] == [at(number) for number in range(10)]
    assert second.days[:7] == first.days
    assert [one["day"] for one in second.record["days"]] == [str(at(n)) for n in (7, 8, 9)]


def test_a_repeated_look_has_the_same_result() -> None:
    first = look([], measured(days(0, 19), "j1"))
    assert look([event_of(first)], measured(days(0, 19), "j1")) == first
    # Another run of the same day, with the same job.
    other = event_of(first, id="watched-2")
    assert look([event_of(first), other], measured(days(0, 19), "j1")).record == first.record


def test_a_backfill_of_an_old_day_adds_nothing() -> None:
    newest = look([], measured(days(0, 19), "j1"))
    old = look([event_of(newest)], measured(days(0, 12, broken=0), "j0"))
    assert old.record["days"] == []
    assert old.state == newest.state


def test_the_first_days_are_those_of_the_duel_that_was_won() -> None:
    duel = measured(
        [
            {
                "day": str(at(number)),
                "n": 400,
                "champion_loss": 3.0,
                "challenger_loss": 2.0 + number / 100,
                "champion_variance": 1.0,
                "challenger_variance": 2.0,
                "rows": 400,
                "rows_labelled": 400,
            }
            for number in range(5)
        ]
    ).evidence
    won = Event(
        id="evaluated-1",
        time=datetime(2026, 10, 6, tzinfo=UTC),
        model="m1",
        action=Action.EVALUATED,
        reason="",
        endpoint="e",
        champion_after="11",
        # The other id of its training run.
        challenger_after="22",
        evidence={"duel": duel},
    )
    history = watch_history([won], CHAMPION.ids, DUEL, 50)
    assert history.from_duel == 5
    assert [one.loss for one in history.days] == [2.0, 2.01, 2.02, 2.03, 2.04]
    first = look([won], measured(days(0, 7), "j1"))
    assert first.record["from_duel"] == 5
    assert len(first.record["days"]) == 8
    # The later looks have them from the first one.
    second = look([won, event_of(first)], measured(days(0, 8), "j2"))
    assert second.days[:8] == first.days
    # Of a champion from before there was a watch nothing is known: its first days are counted.
    assert watch_history([replace(won, evidence={})], CHAMPION.ids, DUEL, 50).days == ()


def test_events_of_other_champions_and_with_any_content_are_left_out() -> None:
    first = look([], measured(days(0, 6), "j1"))
    foreign = event_of(first, champion_after="99", id="watched-9")
    odd = event_of(first, id="watched-8", evidence={"job": "j8", "days": [None, {"day": 3}]})
    found = watch_history([foreign, odd], CHAMPION.ids, DUEL, 50)
    assert found.days == ()


def test_decay_is_recorded_once_and_so_is_its_end() -> None:
    events: list[Event] = []
    quiet = look(events, measured(days(0, 19), "j1"))
    assert occurrences(CHAMPION, quiet, "j1", events) == []
    assert occasions_of(CHAMPION, quiet) == []
    events.append(event_of(quiet))
    decayed = look(events, measured(days(14, 24, broken=20), "j2"))
    (found,) = occurrences(CHAMPION, decayed, "j2", events)
    assert found.action == Action.DECAYED
    assert decayed.state.decay is not None
    assert found.identity == f"21 {decayed.state.decay.alarm}"
    assert found.reason.startswith("the loss of m1@3 has grown by 0.")
    (occasion,) = occasions_of(CHAMPION, decayed)
    assert occasion.run_id == f"early__decay__21__{decayed.state.decay.alarm}"

    recorded = event_of(decayed, Action.DECAYED, id="decayed-1", evidence=found.evidence)
    events += [event_of(decayed), recorded]
    assert occurrences(CHAMPION, decayed, "j3", events) == []
    # As good as before for more than a week.
    better = look(events, measured(days(25, 36), "j3"))
    assert better.state.decay is None
    (ended,) = occurrences(CHAMPION, better, "j3", events)
    assert ended.action == Action.RECOVERED
    assert "is near its reference again since" in ended.reason
    assert occasions_of(CHAMPION, better) == []


def test_the_previous_champion_is_compared_on_days_after_the_alarm_only() -> None:
    quiet = look([], measured(days(0, 19), "j1"))
    both = days(14, 24, broken=20, mean=0.7)
    for one in both:
        one |= {"champion_loss": one["loss"], "champion_variance": 1.0, "variance": 1.0}
    evidence = {"challenger_invalid_predictions": 0}
    events = [event_of(quiet)]
    found = look(events, measured(both, "j2", compared=True, evidence=evidence), WATCH)
    assert found.state.decay is not None
    alarm = found.state.decay.alarm
    later = [at(number) for number in range(20, 25) if at(number) > alarm]
    assert found.comparison is not None
    assert found.comparison.n == 400 * len(later)
    events.append(event_of(found))
    assert list(compared_days(events, CHAMPION.ids, DUEL, "11", alarm)) == later
    assert compared_days(events, CHAMPION.ids, DUEL, "12", alarm) == {}


def test_a_look_that_is_repeated_after_later_ones_changes_no_finding() -> None:
    """As when an older run is cleared: its own days stay what they were."""
    events: list[Event] = []
    for number in range(7, 26):
        one = look(events, measured(days(number - 7, number, broken=20), f"j{number}"))
        events.append(event_of(one, id=f"watched-{number}"))
        for found in occurrences(CHAMPION, one, f"j{number}", events):
            what = {"id": f"{found.action}-1", "evidence": found.evidence}
            events.append(event_of(one, found.action, **what))
    newest = one.state
    assert [event.action for event in events].count(Action.DECAYED) == 1
    for number in range(7, 26):
        again = look(events, measured(days(number - 7, number, broken=20), f"j{number}"))
        assert again.state == newest
        assert occurrences(CHAMPION, again, f"j{number}", events) == []
        # What the first one recorded, and no later day.
        assert again.record["days"] == events_of_job(events, f"j{number}")


def events_of_job(events: list[Event], job: str) -> list[object]:
    found = [e for e in events if e.action == Action.WATCHED and e.evidence["job"] == job]
    return found[0].evidence["days"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "changes", [{"loss": "squared"}, {"primary_target": "z"}, {"cluster_column": "person"}]
)
def test_losses_of_another_kind_are_not_compared(changes: dict[str, str]) -> None:
    """As when the section `duel` is edited: a loss in another unit is no decay."""
    kind = {"loss": "absolute", "primary_target": "y", "cluster_column": None}
    old = look([], measured(days(0, 19), "j1", evidence=kind))
    edited = Duel(
        target=changes.get("primary_target", "y"),
        target_columns=["y", "z"],
        loss=changes.get("loss", "absolute"),  # type: ignore[arg-type]
        cluster_column=changes.get("cluster_column"),
        min_rows=100,
    )
    after = measured(days(14, 26, broken=0), "j2", evidence=kind | changes)
    found = look_at(edited, WATCH, CHAMPION, [event_of(old)], after)
    assert found.state.phase == "learning"
    assert [one.day for one in found.days] == [at(number) for number in range(14, 27)]
    # Back again: the days from before count.
    events = [event_of(old), event_of(found, id="watched-2")]
    back = look(events, measured(days(20, 27), "j3", evidence=kind))
    assert [one.day for one in back.days] == [at(number) for number in range(28)]


def test_evidence_of_another_model_or_loss_is_not_counted() -> None:
    """As of a job that another run started before the section `duel` was edited."""
    for changes in (
        {"loss": "squared"},
        {"primary_target": "z"},
        {"champion": {"uri": "gs://b/9", "sha256": "9" * 64}},
    ):
        found = look([], measured(days(0, 6), "j1", evidence=changes))
        assert found.days == ()
        assert found.skipped == ()
        assert "which is not counted" in found.reason
    same = {"loss": "absolute", "primary_target": "y", "champion": {"sha256": "3" * 64}}
    assert len(look([], measured(days(0, 6), "j1", evidence=same)).days) == 7


def test_a_champion_that_no_label_names_is_recognised() -> None:
    """On an endpoint whose labels were removed the roles are inferred."""
    first = look([], measured(days(0, 6), "j1"))
    unlabelled = event_of(first, champion_after=None)
    second = look([unlabelled], measured(days(3, 9), "j2"))
    assert [one.day for one in second.days] == [at(number) for number in range(10)]


def test_the_record_has_what_drifted_and_no_more_of_the_report_than_is_shown() -> None:
    """The report has 150 KB at most, every day: its artifact has the rest."""
    bins = {"edges": [1.0], "training": [0.5, 0.5], "recent": [0.1, 0.9]}
    columns = [
        {"column": name, "kind": "number", "psi": psi, "n_training": 400, "n_recent": 400}
        | {"bins": bins, "categories": {"names": ["a"] * 20}}
        for name, psi in (("waist", 0.3), ("weight", 0.1))
    ]
    report = {"rows_recent": 400, "columns": columns, "predictions": {"columns": columns[:1]}}
    watch = Watch(drift=DataDrift(max_psi=0.2))
    found = look([], measured(days(0, 6), "j1", data_drift=report), watch)
    assert found.record["drifted"] == ["waist", "waist"]
    assert parse_data_drift(found.record["data_drift"]) == found.drift
    assert "bins" not in str(found.record)
    assert "categories" not in str(found.record["data_drift"])
    assert found.record["data_drift"]["rows_recent"] == 400
    assert "bins" in report["columns"][0]  # type: ignore[index]


def test_rows_that_the_previous_champion_cannot_predict_are_missing_on_all_days_alike() -> None:
    both = days(14, 24)
    for one in both:
        one |= {"champion_loss": one["loss"], "champion_variance": 1.0, "mean": 0.0}
    evidence = {"champion_rows": 5000, "challenger_rows": 4400, "rows_compared": 4400}
    events = [event_of(look([], measured(days(0, 13), "j1")))]
    compared = look(events, measured(both, "j2", compared=True, evidence=evidence))
    assert len(compared.days) == 25
