"""When a training is started early."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.watching.retraining import (
    Circumstances,
    Occasion,
    cooldown_of,
    retraining,
)
from titleholder.config.watch import DataDrift, Watch
from titleholder.data_intervals import Interval
from titleholder.events.event import Action, Event

NOW = datetime(2026, 11, 26, 5, tzinfo=UTC)  # a Thursday
WATCH = Watch(retrain_on=["schedule", "decay"])
DECAY = Occasion("decay", "123", date(2026, 11, 24))
DRIFT = Occasion("drift", "123")
FOUND = Circumstances(
    days=[DayLoss(date(2026, 11, number), 100, 2.0, 1.0) for number in range(10, 25)],
    trained_until=datetime(2026, 11, 23, 3, tzinfo=UTC),
    challenger="",
    cron="0 3 * * 1",
    is_backfill=False,
    now=NOW,
)


def started(run_id: str, ago: timedelta) -> Event:
    return Event(
        id="retrain-1",
        time=NOW - ago,
        model="m1",
        action=Action.RETRAIN,
        reason="",
        evidence={"run_id": run_id},
    )


def test_the_interval_ends_with_the_newest_counted_day() -> None:
    found = retraining(WATCH, [DECAY], [], FOUND).training
    assert found is not None
    end = datetime(2026, 11, 25, tzinfo=UTC)
    assert found.interval == Interval(end - timedelta(weeks=1), end)
    assert found.run_id == "early__decay__123__2026-11-24"
    assert found.to_json()["interval_end"] == "2026-11-25T00:00:00Z"


def test_only_what_the_file_names_starts_one() -> None:
    assert retraining(Watch(), [DECAY], [], FOUND).training is None
    assert retraining(WATCH, [], [], FOUND).training is None
    assert retraining(WATCH, [DRIFT], [], FOUND) == retraining(WATCH, [], [], FOUND)
    drift = Watch(retrain_on=["drift"], drift=DataDrift(max_psi=0.2))
    found = retraining(drift, [DECAY, DRIFT], [], FOUND).training
    assert found is not None
    assert found.run_id == "early__drift__123"


def test_one_for_each_occasion_whatever_happens() -> None:
    events = [started(DECAY.run_id, timedelta(days=60))]
    again = retraining(WATCH, [DECAY], events, FOUND)
    assert again.training is None
    assert again.reason == "its early training was started 2026-09-27 05:00 UTC"
    # The champion has recovered and decayed again.
    assert retraining(WATCH, [replace(DECAY, found=date(2026, 11, 25))], events, FOUND).training


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_backfill": True}, "this run is a backfill"),
        ({"challenger": "m1@4"}, "the challenger m1@4 is evaluated"),
        (
            {"trained_until": datetime(2026, 11, 25, 3, tzinfo=UTC)},
            "no labelled day is newer than the newest training data, which end 2026-11-25 03:00",
        ),
        ({"days": []}, "no labelled day is newer than the newest training data"),
    ],
)
def test_reasons_to_wait(changes: dict[str, Any], reason: str) -> None:
    found = retraining(WATCH, [DECAY], [], replace(FOUND, **changes))
    assert found.training is None
    assert reason in found.reason


def test_the_cooldown_is_that_of_any_early_training() -> None:
    other = "early__decay__99__2026-11-01"
    for ago, starts in ((timedelta(days=6), False), (timedelta(days=8), True)):
        found = retraining(WATCH, [DECAY], [started(other, ago)], FOUND)
        assert (found.training is not None) == starts
    assert (
        "within retrain_cooldown"
        in retraining(WATCH, [DECAY], [started(other, timedelta(days=6))], FOUND).reason
    )
    short = WATCH.model_copy(update={"retrain_cooldown": timedelta(days=2)})
    assert retraining(short, [DECAY], [started(other, timedelta(days=6))], FOUND).training
    assert cooldown_of(WATCH, "0 3 * * *", NOW) == timedelta(days=1)


def test_a_model_without_versions_is_trained() -> None:
    assert retraining(WATCH, [DECAY], [], replace(FOUND, trained_until=None)).training
