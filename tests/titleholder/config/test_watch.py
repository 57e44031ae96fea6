"""What the section `watch` needs from the rest of the file."""

from datetime import timedelta
from typing import Any

import pytest
import yaml

from tests.titleholder.config.model_files import LINNERUD
from titleholder.config.model import ModelConfig
from titleholder.config.watch import Watch

DUEL = yaml.safe_load(LINNERUD.read_text())["duel"]


def config(watch: dict[str, Any], **sections: Any) -> ModelConfig:
    raw = yaml.safe_load(LINNERUD.read_text()) | {"watch": watch} | sections
    return ModelConfig.model_validate({key: one for key, one in raw.items() if one is not ...})


def test_the_defaults_only_watch() -> None:
    made = config({})
    assert made.watch == Watch()
    assert made.trains_on_schedule
    assert not made.watch.retrains_early
    assert made.watch.window == timedelta(days=7)
    assert config(None).watch is None


@pytest.mark.parametrize(
    ("watch", "sections", "message"),
    [
        ({}, {"duel": ...}, "needs a section duel, which says what the loss and the labels are"),
        (
            {"on_decay": "undo_promotion"},
            {"rollout": {"keep_previous_champion": False}},
            "there is no previous champion to return to; write one of them differently",
        ),
        (
            {"retrain_on": ["decay"]},
            {"schedule": {"cron": "0 3 * * 1", "assets": ["orders"]}},
            "has a retrain_on without schedule, though schedule.assets start trainings",
        ),
        (
            {"window": "7d"},
            {"duel": DUEL | {"schedule": "0 5 1 * *"}},
            "has a window of 1w, and duel.schedule runs up to 31 days apart, so that days between "
            "are never counted; write at least 31d",
        ),
        (
            {"drift": {"limits": {"waist": 0.2}}},
            {},
            "has a limit of 'waist' in drift.limits, which is not compared; write one of "
            "weight_kg, waist_cm, pulse_bpm, prediction.chins",
        ),
        (
            {"drift": {"columns": ["waist_cm"], "limits": {"pulse_bpm": 0.2}}},
            {},
            "has a limit of 'pulse_bpm' in drift.limits, which is not compared",
        ),
    ],
)
def test_other_sections_exclude_it(
    watch: dict[str, Any], sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config(watch, **sections)


@pytest.mark.parametrize(
    ("schedule", "window"), [("0 5 * * 1", "7d"), ("0 5 * * 1-5", "3d"), ("0 5 1 * *", "31d")]
)
def test_a_window_that_reaches_the_run_before_is_long_enough(schedule: str, window: str) -> None:
    assert config({"window": window}, duel=DUEL | {"schedule": schedule}).watch is not None


def test_predictions_of_each_target_may_have_a_limit() -> None:
    limits = {"prediction.situps": 0.2, "waist_cm": 0.1}
    assert config({"drift": {"limits": limits}}).watch is not None


def test_without_schedule_nothing_starts_by_time() -> None:
    made = config({"retrain_on": ["decay"]})
    assert made.watch is not None
    assert made.watch.retrains_early
    assert not made.trains_on_schedule
    limits = {"max_psi": 0.2, "limits": {"waist_cm": 0.1}}
    drifting = config({"retrain_on": ["schedule", "drift"], "drift": limits}).watch
    assert drifting is not None
    assert drifting.drift is not None
    assert drifting.drift.has_limit
    assert drifting.on_schedule
