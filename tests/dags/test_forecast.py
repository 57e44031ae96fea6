"""What the log of `decide` says about the rest of an evaluation."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.dags.conftest import Model
from tests.dags.contested import contested as contested
from tests.dags.contested import evaluate, events_of
from titleholder.analysis.progress import forecast_sentence


def test_the_log_of_a_verdict_on_hold_has_the_forecast(
    contested: Callable[..., Model],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    made = contested(
        ago=timedelta(days=2),
        duel={"max_duration": "8d"},
        rollout={"on_new_challenger": "keep_current"},
    )
    held = evaluate(made, "equal")
    assert held.state == "success", held.errors
    assert held.returned["decide"]["outcome"] == "hold"
    recorded = events_of(made)[-1].evidence
    assert recorded["forecast"]["promotion"] < 0.05
    sentence = forecast_sentence(recorded)
    assert sentence.endswith("; likely undecided until then")
    output = caplog.text + "".join(capfd.readouterr())
    assert 0 < output.index(sentence) < output.rindex("hold: not decided yet")
