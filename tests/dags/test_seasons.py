"""Simulated weeks of a champion in the daily DAG with the real watch job, on a moved clock.

A run counts all days of its window, of 28 days, so that few runs show many days. Each takes some
five seconds.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.dags.conftest import Google, reserialize
from tests.dags.estimators import invalid_below, linear
from tests.dags.simulated_days import A_DAY, CHAMPION, Season, World
from tests.dags.simulated_days import season as season
from tests.dags.watched import day, recorded, training_runs
from tests.sink import Sink

QUIET = ("decayed", "recovered", "data_drift", "retrain")


def counted(one: Season) -> list[date]:
    """The days that all looks have counted, in the order of the events."""
    return [
        date.fromisoformat(found["day"])
        for event in recorded(one.made, "watched")
        for found in event.evidence["days"]
    ]


def days(*numbers: int) -> list[date]:
    """The dates of these days of the champion."""
    return [day(number).date() for number in numbers]


def test_a_break_is_found_and_starts_one_training(
    season: Callable[..., Season], google: Google, webhook_sink: Sink
) -> None:
    broken = season(World(event=18, step=1.0))
    reserialize()
    quiet = broken.look(17)
    assert quiet.returned["watch_champion"]["phase"] == "steady"
    alarmed, again = broken.look(24), broken.look(25)

    assert (alarmed.tasks["retrain"], again.tasks["retrain"]) == ("success", "skipped")
    assert counted(broken) == days(*range(26))
    (decayed,) = recorded(broken.made, "decayed")
    decay = decayed.evidence["decay"]
    assert date.fromisoformat(decay["since"]) in days(17, 18, 19)
    assert date.fromisoformat(decay["alarm"]) in days(19, 20, 21, 22, 23)
    # The mean of |x + e| is greater than that of |e| by 41 %.
    assert 0.25 < decay["relative_increase"] < 0.6
    (started,) = recorded(broken.made, "retrain")
    (run,) = training_runs(broken.made)
    champion = google.endpoint(broken.made.name).labels["champion"]
    assert run.run_id == f"early__decay__{champion}__{decay['alarm']}"
    assert run.run_id == started.evidence["run_id"]
    assert run.conf == {"interval_end": f"{day(25):%Y-%m-%dT%H:%M:%SZ}"}
    assert webhook_sink.titles() == ["champion decayed", "early training"]


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weeks_without_a_change(
    season: Callable[..., Season], webhook_sink: Sink, seed: int
) -> None:
    steady = season(World(seed))
    for number in (27, 55):
        assert steady.look(number).returned["watch_champion"]["phase"] == "steady"
    assert counted(steady) == days(*range(56))
    assert not recorded(steady.made, *QUIET)
    assert not webhook_sink.titles()

    # The job's numbers are those of the rows.
    table = steady.world.rows(day(56), lambda _: True).to_pandas()
    table["loss"] = (table.y - 3 * table.x).abs()
    expected = table.groupby(table.measured_at.dt.date).loss
    for event in recorded(steady.made, "watched"):
        for found in event.evidence["days"]:
            losses = expected.get_group(date.fromisoformat(found["day"]))
            assert found["n"] == len(losses) == A_DAY
            assert found["loss"] == pytest.approx(losses.mean())
            assert found["variance"] == pytest.approx(losses.var())


@pytest.mark.long
def test_a_slow_decay_is_found(season: Callable[..., Season]) -> None:
    slow = season(World(event=14, trend=0.05))
    reserialize()
    phases = [slow.look(number).returned["watch_champion"]["phase"] for number in (13, 27, 41)]
    assert phases[0] == "steady"
    assert phases[-1] == "decayed"
    (decayed,) = recorded(slow.made, "decayed")
    decay = decayed.evidence["decay"]
    # It is 12 % after ten days, and 41 % after 20.
    assert date.fromisoformat(decay["alarm"]) in days(*range(21, 40))
    assert date.fromisoformat(decay["since"]) in days(*range(16, 36))
    assert len(training_runs(slow.made)) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "watch", [{}, {"season": "weekly", "reference_days": 21}], ids=["none", "weekly"]
)
def test_a_pattern_of_the_week_is_no_decay(
    season: Callable[..., Season], webhook_sink: Sink, watch: dict[str, Any]
) -> None:
    patterned = season(World(weekend=1.5), watch=watch)
    for number in (27, 48):
        assert patterned.look(number).returned["watch_champion"]["phase"] == "steady"
    losses = {
        date.fromisoformat(found["day"]): found["loss"]
        for event in recorded(patterned.made, "watched")
        for found in event.evidence["days"]
    }
    at_weekends = [loss for one, loss in losses.items() if one.weekday() >= 5]
    assert np.mean(at_weekends) > 1.3 * np.mean(list(set(losses.values()) - set(at_weekends)))
    assert not recorded(patterned.made, *QUIET)
    assert not webhook_sink.titles()


@pytest.mark.long
def test_days_whose_labels_come_late(season: Callable[..., Season], webhook_sink: Sink) -> None:
    late = season(World())

    def labelled(stamp: datetime) -> datetime:
        number, hour = (stamp - day(0)).days, stamp.hour
        if number in (16, 17) or (number == 18 and hour >= 12):
            return day(22)
        return day(28) if number == 23 else stamp

    late.late = labelled
    late.look(18)
    assert counted(late) == days(*range(16))
    assert [one["reason"] for one in recorded(late.made, "watched")[-1].evidence["skipped"]] == [
        f"{known} of {A_DAY} rows have a label, fewer than min_label_coverage 0.9"
        for known in (0, 0, A_DAY // 2)
    ]
    # No newer day has been counted.
    late.look(21)
    assert counted(late) == days(*range(22))
    late.look(24)
    late.look(27)
    assert counted(late) == days(*range(23), *range(24, 28))
    assert not recorded(late.made, *QUIET)
    assert not webhook_sink.titles()


@pytest.mark.long
def test_data_drift_is_found_and_starts_one_training(
    season: Callable[..., Season], google: Google, webhook_sink: Sink
) -> None:
    shifted = season(
        World(event=14, shift=1.0),
        watch={"drift": {"max_psi": 0.2}, "retrain_on": ["schedule", "drift"]},
    )
    reserialize()
    assert shifted.look(9).tasks["retrain"] == "skipped"
    (event,) = recorded(shifted.made, "watched")
    report = event.evidence["data_drift"]
    assert report["rows_training"] == 7 * A_DAY
    # Since the end of the training data, and also of the days without labels: 0 to 10, and 11
    # until 5:00.
    assert report["rows_recent"] == pytest.approx((21 + 11 * 24 + 5) * A_DAY / 24, abs=2)
    assert all(one["psi"] < 0.05 for one in report["columns"])

    found, again = shifted.look(27), shifted.look(28)
    assert (found.tasks["retrain"], again.tasks["retrain"]) == ("success", "skipped")
    (drifted,) = recorded(shifted.made, "data_drift")
    assert drifted.evidence["column"] == "x"
    champion = google.endpoint(shifted.made.name).labels["champion"]
    (run,) = training_runs(shifted.made)
    assert run.run_id == f"early__drift__{champion}"
    assert run.conf == {"interval_end": f"{day(28):%Y-%m-%dT%H:%M:%SZ}"}
    assert len(recorded(shifted.made, "retrain")) == 1
    # The champion predicts the shifted rows as well as the others.
    assert not recorded(shifted.made, "decayed")
    assert counted(shifted) == days(*range(29))
    assert webhook_sink.titles() == ["data drift", "early training"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("world", "champion", "scored"),
    [
        pytest.param(World(event=16, missing=0.3), CHAMPION, 28, id="NaN"),
        pytest.param(World(event=16, missing=1.0), CHAMPION, 16, id="only NaN"),
        pytest.param(World(event=16, copies=2), CHAMPION, 28, id="copies"),
        pytest.param(World(exact=True), CHAMPION, 28, id="constant target"),
        pytest.param(World(exact=True), linear(0.0, 0.0, bias=3.0), 28, id="constant, predicted"),
    ],
)
def test_what_is_no_decay(
    season: Callable[..., Season], webhook_sink: Sink, world: World, champion: Any, scored: int
) -> None:
    odd = season(world, champion, watch={"drift": {}})
    found = odd.look(27)
    assert found.returned["watch_champion"]["phase"] == "steady"
    assert counted(odd) == days(*range(scored))
    (event,) = recorded(odd.made, "watched")
    assert event.evidence["invalid_predictions"] == 0
    assert all("0 were scored" in one["reason"] for one in event.evidence["skipped"])
    assert not recorded(odd.made, *QUIET)
    assert not webhook_sink.titles()


@pytest.mark.long
def test_the_watch_goes_on_with_a_challenger_and_after_it(
    season: Callable[..., Season], google: Google, webhook_sink: Sink
) -> None:
    both = season(World(event=22, step=1.0))
    reserialize()
    both.look(18)
    both.deploy("challenger", linear(3.0, 0.05), day(20) + timedelta(hours=3))
    contested = both.look(26)
    assert contested.tasks["submit_watch"] == contested.tasks["decide"] == "success"
    (decayed,) = recorded(both.made, "decayed")
    assert date.fromisoformat(decayed.evidence["decay"]["since"]) in days(21, 22, 23)
    assert contested.tasks["retrain"] == "skipped"
    (_, event) = recorded(both.made, "watched")
    version = f"{both.made.name}@2"
    assert event.evidence["retraining"]["reason"] == (
        f"no early training yet: the challenger {version} is evaluated"
    )
    # Also the days before the first row of the duel.
    assert counted(both) == days(*range(27))
    table = both.world.rows(day(27), lambda _: True).to_pandas()
    losses = (table.y - 3 * table.x).abs().groupby(table.measured_at.dt.date)
    for one in event.evidence["days"]:
        expected = losses.get_group(date.fromisoformat(one["day"]))
        assert one["n"] == len(expected)
        assert one["loss"] == pytest.approx(expected.mean())
        assert one["variance"] == pytest.approx(expected.var())

    ended = both.made.run(None, dag="rollout", clock=both.clock, intent="rollback")
    assert ended.state == "success", ended.errors
    after = both.look(27)
    assert after.tasks["submit_watch"] == after.tasks["retrain"] == "success"
    assert counted(both) == days(*range(28))
    assert recorded(both.made, "watched")[-1].evidence["state"]["phase"] == "decayed"
    assert len(recorded(both.made, "decayed")) == 1
    (run,) = training_runs(both.made)
    assert run.run_id.endswith(decayed.evidence["decay"]["alarm"])


@pytest.mark.long
def test_a_challenger_that_wins_is_watched_from_its_duel_on(
    season: Callable[..., Season], google: Google
) -> None:
    both = season(World(), linear(2.0, 0.0))
    both.deploy("challenger", CHAMPION, day(6) + timedelta(hours=3))
    challenger = google.endpoint(both.made.name).labels["challenger"]
    both.look(9)
    assert google.endpoint(both.made.name).labels["champion"] == challenger
    found = both.look(12)
    assert found.tasks["submit_watch"] == "success"
    old, new = recorded(both.made, "watched")
    assert [event.champion_after == challenger for event in (old, new)] == [False, True]
    assert new.evidence["from_duel"] == 3
    assert [one["day"] for one in new.evidence["days"]] == [
        one.isoformat() for one in days(*range(7, 13))
    ]
    # The old champion's slope is too small by one.
    assert np.mean([one["loss"] for one in old.evidence["days"]]) > 1
    assert all(one["loss"] < 1 for one in new.evidence["days"])


@pytest.mark.long
def test_a_challenger_without_valid_predictions_does_not_change_the_champions_loss(
    season: Callable[..., Season], google: Google
) -> None:
    # The duel compares the rows for which both models have predictions: those with more noise, on
    # which the champion's loss is greater by a quarter.
    both = season(World(calm=0.2))
    both.look(18)
    both.deploy("challenger", invalid_below(2), day(20) + timedelta(hours=3))
    contested = both.look(26)
    duel = contested.returned["wait_for_duel"]["evidence"]
    (_, event) = recorded(both.made, "watched")
    newest = event.evidence["days"]
    assert duel["champion_loss"] > 1.2 * np.mean([one["loss"] for one in newest])
    assert counted(both) == days(*range(27))
    assert "challenger" not in google.endpoint(both.made.name).labels
    assert not recorded(both.made, *QUIET)


@pytest.mark.long
def test_the_first_run_an_outage_of_the_source_and_a_sample(
    season: Callable[..., Season], webhook_sink: Sink
) -> None:
    scarce = season(
        World(outage=range(16, 22)), watch={"drift": {}}, duel={"max_rows_per_day": 100}
    )
    first = scarce.look(-1)
    assert first.returned["watch_champion"]["reason"].startswith(
        f"learning: no day of {scarce.made.name}@1 has been counted, of 14"
    )
    for number in (19, 27):
        assert scarce.look(number).returned["watch_champion"]["phase"] == "steady"
    assert counted(scarce) == days(*range(16), *range(22, 28))
    for event in recorded(scarce.made, "watched"):
        assert all(one["n"] == 100 for one in event.evidence["days"])
    assert not recorded(scarce.made, *QUIET)
    assert not webhook_sink.titles()


@pytest.mark.long
def test_the_previous_champion_returns_after_a_break_that_suits_it(
    season: Callable[..., Season], google: Google, webhook_sink: Sink
) -> None:
    both = season(
        World(event=20, step=1.0),
        linear(4.0, 0.0),
        watch={"on_decay": "undo_promotion", "retrain_on": ["schedule"]},
    )
    previous = google.endpoint(both.made.name).labels["champion"]
    both.deploy("challenger", CHAMPION, day(6) + timedelta(hours=3))
    both.look(9)
    champion = google.endpoint(both.made.name).labels["champion"]
    assert champion != previous

    # The old champion is better on the day of the break, but only days after the alarm count.
    found = both.look(21)
    assert found.tasks["undo_promotion"] == "skipped"
    for number in range(23, 35, 2):
        found = both.look(number)
        if found.tasks["undo_promotion"] == "success":
            break
    roles = google.endpoint(both.made.name).labels
    assert (roles["champion"], roles["previous-champion"]) == (previous, champion)
    (decayed,) = recorded(both.made, "decayed")
    (undone,) = recorded(both.made, "undo_promotion")
    alarm = date.fromisoformat(decayed.evidence["decay"]["alarm"])
    assert alarm in days(21, 22, 23, 24, 25)
    looks = [one for one in recorded(both.made, "watched") if one.champion_after == champion]
    result = looks[-1].evidence["comparison"]["result"]
    # Both are scored from the run after the alarm on.
    compared = [
        date.fromisoformat(found["day"])
        for one in looks
        for found in one.evidence.get("comparison", {"days": []})["days"]
    ]
    assert compared
    assert min(compared) > alarm
    assert result["n"] == A_DAY * len(compared)
    # The mean of |x + e| less that of |e|.
    assert result["estimate"] == pytest.approx((2**0.5 - 1) * (2 / np.pi) ** 0.5, abs=0.15)
    assert "the previous champion is better" in undone.evidence["reason"]
    assert webhook_sink.titles()[-2:] == ["champion decayed", "promotion undone"]

    # It goes on with the days that were counted of it before it lost.
    both.look(36)
    newest = recorded(both.made, "watched")[-1]
    assert newest.champion_after == previous
    assert newest.evidence["days"][0]["day"] > str(max(days(9)))
