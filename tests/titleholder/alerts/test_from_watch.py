"""Alerts for decay, recovery, data drift and early trainings."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from titleholder.alerts.alert import AlertKind
from titleholder.alerts.from_watch import alert_for_training, alert_for_watch_event
from titleholder.analysis.watching.retraining import EarlyTraining, Retraining
from titleholder.config.watch import DataDrift, Watch
from titleholder.data_intervals import Interval
from titleholder.events.event import Action, Event

END = datetime(2026, 11, 25, tzinfo=UTC)
TRAINING = EarlyTraining(
    "early__decay__1__2026-11-24", "decay", Interval(END - 7 * timedelta(1), END)
)
STARTS = Retraining(TRAINING, "decay of the champion: an early training on it")
WAITS = Retraining(None, "no early training yet: the challenger linnerud@4 is evaluated")
BOTH = Watch(retrain_on=["schedule", "decay", "drift"], drift=DataDrift(max_psi=0.2))


def event(action: Action, reason: str = "the loss of linnerud@3 has grown by 0.8") -> Event:
    return Event(
        id="e1",
        time=END,
        model="linnerud",
        action=action,
        reason=reason,
        endpoint="projects/p1/locations/us-central1/endpoints/linnerud",
        champion_after="1",
        split_after={"1": 100},
        versions={"1": "linnerud@3"},
        evidence={"version": "linnerud@3"},
    )


@pytest.mark.parametrize(
    ("action", "watch", "decision", "next_step"),
    [
        (
            Action.DECAYED,
            Watch(),
            Retraining(),
            "Trigger linnerud__train with a newer interval_end, or wait for its schedule.",
        ),
        (
            Action.DECAYED,
            BOTH,
            STARTS,
            "Nothing: a training on 2026-11-18 00:00 to 2026-11-25 00:00 UTC is started now.",
        ),
        (Action.DATA_DRIFT, BOTH, WAITS, f"Nothing: {WAITS.reason}."),
        (
            Action.DATA_DRIFT,
            Watch(retrain_on=["schedule", "decay"]),
            STARTS,
            "Trigger linnerud__train with a newer interval_end, or wait for its schedule.",
        ),
        (
            Action.DECAYED,
            BOTH.model_copy(update={"on_decay": "undo_promotion"}),
            WAITS,
            f"Nothing: {WAITS.reason}. The previous champion returns by itself if it is better on "
            "the days from now on.",
        ),
        (Action.RECOVERED, BOTH, Retraining(), "Nothing now."),
    ],
)
def test_what_follows(action: Action, watch: Watch, decision: Retraining, next_step: str) -> None:
    alert = alert_for_watch_event(event(action), decision, watch)
    assert alert.next_step == next_step
    assert alert.subject == "linnerud@3"
    assert alert.summary == "The loss of linnerud@3 has grown by 0.8."
    assert alert.traffic == "unchanged: 100 % to the champion linnerud@3."
    assert [link.name for link in alert.links] == ["Endpoint"]


def test_kinds_and_levels() -> None:
    kinds: dict[Any, tuple[AlertKind, int]] = {
        Action.DECAYED: (AlertKind.DECAYED, logging.WARNING),
        Action.DATA_DRIFT: (AlertKind.DATA_DRIFT, logging.WARNING),
        Action.RECOVERED: (AlertKind.RECOVERED, logging.INFO),
    }
    for action, expected in kinds.items():
        alert = alert_for_watch_event(event(action), Retraining(), Watch())
        assert (alert.kind, alert.kind.level) == expected
    training = alert_for_training(event(Action.RETRAIN, "linnerud__train is started"), TRAINING)
    assert (training.kind, training.kind.level) == (AlertKind.EARLY_TRAINING, logging.INFO)
    assert training.subject == "data of 2026-11-18 00:00 to 2026-11-25 00:00 UTC"
