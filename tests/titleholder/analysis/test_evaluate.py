"""The record of an evaluation, which is the evidence of its event, and its limits."""

from dataclasses import asdict

import pytest

from tests.titleholder.analysis.test_duel_job import CONFIG, NOW, PAIR, RAW, VIEW, duel, evaluated
from titleholder.analysis.evaluate import DuelResult, evaluate, evaluation_context
from titleholder.analysis.guardrails import LiveObservations
from titleholder.analysis.limits import ArmMetrics
from titleholder.config.guardrails import Guardrails
from titleholder.rollout.intents import intent_to_json

RESULT = DuelResult("job", NOW, RAW, "gs://b/report.html")
GUARDED = CONFIG.model_copy(
    update={"rollout": CONFIG.rollout.model_copy(update={"guardrails": Guardrails()})}
)
REQUESTS = {"1": 9500, "2": 500}


def test_the_record_of_an_evaluation() -> None:
    made = evaluated(RESULT)
    record = dict(made.record)
    assert made.decision.intent is not None
    assert record.pop("verdict") == asdict(made.verdict) | {"outcome": "promote"}
    assert type(made.record["verdict"]["outcome"]) is str
    assert record.pop("decision") == {
        "intent": intent_to_json(made.decision.intent),
        "reason": made.decision.reason,
        "needs_approval": False,
    }
    assert record.pop("design")["kind"] == "group_sequential"
    assert record.pop("forecast").keys() >= {"promotion", "rollback"}
    assert record == {
        "job": "job",
        "report": "gs://b/report.html",
        "measured": NOW.isoformat(),
        "traffic_percentage": 10,
        "since": "2026-11-18T05:00:00+00:00",
        "rules": duel().model_dump(mode="json"),
        "duel": RAW,
    }
    undecided = evaluated(DuelResult("job", NOW, RAW | {"mean": None}))
    assert undecided.record["decision"]["intent"] is None
    assert undecided.record["forecast"] is None


def test_the_record_of_guardrails() -> None:
    made = evaluated(RESULT, config=GUARDED, observed=LiveObservations(REQUESTS))
    by_duel = evaluated(RESULT).verdict
    assert made.record["by_duel"] == {"outcome": "promote", "reason": by_duel.reason}
    assert made.record["live"] == {
        "sample_ratio": made.record["live"]["sample_ratio"],
        "limits": None,
        "unreadable": (),
        "rules": Guardrails().model_dump(mode="json"),
        "requests": REQUESTS,
        "metrics": {},
    }
    assert made.record["live"]["sample_ratio"]["outcome"] == "mismatch"
    nothing = evaluated(RESULT, config=GUARDED)
    assert nothing.record["live"]["requests"] is None


def test_limits_that_are_not_configured_are_not_checked() -> None:
    arms = {"1": ArmMetrics(9000, 10), "2": ArmMetrics(1000, 900)}
    made = evaluated(RESULT, config=GUARDED, observed=LiveObservations(None, arms))
    assert made.record["live"]["limits"] is None


@pytest.mark.parametrize("percentage", [1, 99])
def test_the_smallest_and_the_greatest_percentage_have_a_split_to_test(percentage: int) -> None:
    context = evaluation_context(GUARDED, duel(), PAIR, VIEW, [], "job", NOW)
    observed = LiveObservations({"1": 5000, "2": 5000})
    made = evaluate(GUARDED, duel(), PAIR, context, percentage, RESULT, observed)
    assert made.record["live"]["sample_ratio"] is not None
