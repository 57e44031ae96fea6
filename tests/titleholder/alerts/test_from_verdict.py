"""Alerts for verdicts that change nothing, and that none is repeated."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from titleholder.alerts.alert import Alert, AlertKind
from titleholder.alerts.from_verdict import alert_for_verdict
from titleholder.analysis.decision import decide
from titleholder.analysis.evaluate import Evaluation
from titleholder.analysis.model_pair import RegisteredModel
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.loader import load_model
from titleholder.events.event import Event

CONFIG = load_model(Path(__file__).parents[3] / "dags" / "models" / "linnerud.yaml")
BEGUN = datetime(2026, 11, 16, 4, tzinfo=UTC)
CHALLENGER = RegisteredModel(
    "2991330000", "linnerud@2", "gs://b/m", "0" * 64, "2026-11-16T03:00:00Z"
)
HALF = timedelta(days=14)


def alert_for(
    outcome: Outcome,
    live: timedelta,
    *before: Event,
    issue: str = "",
    promotion: Any = "automatic",
    forecast: dict[str, Any] | None = None,
) -> Alert | None:
    assert CONFIG.duel is not None
    config = CONFIG.model_copy(
        update={"rollout": CONFIG.rollout.model_copy(update={"promotion": promotion})}
    )
    verdict = Verdict(outcome, "because", issue, 100, 0.1, 0.0, 0.2, 0.0, 1.0, 1)
    steps = config.rollout.traffic_steps
    percentage = steps[-1].traffic_percentage
    decision = decide(verdict, config.rollout, percentage, live, CHALLENGER.id)
    record = {
        "job": "now",
        "since": BEGUN.isoformat(),
        "traffic_percentage": percentage,
        "verdict": {"outcome": str(outcome), "issue": issue},
        "forecast": forecast,
    }
    evaluation = Evaluation(verdict, decision, record)
    return alert_for_verdict(config, CONFIG.duel, evaluation, CHALLENGER, before, BEGUN + live)


def evaluated(live: timedelta, outcome: str, issue: str = "", job: str = "before") -> Event:
    return Event(
        id=f"j{live.days}",
        time=BEGUN + live,
        model="linnerud",
        action="evaluated",
        reason="",
        challenger_after=CHALLENGER.id,
        evidence={"job": job, "verdict": {"outcome": outcome, "issue": issue}},
    )


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("outcome", "live", "before", "kind"),
    [
        (Outcome.HOLD, DAY, [], None),
        (Outcome.HOLD, HALF - DAY, [], None),
        (Outcome.HOLD, HALF, [evaluated(HALF - DAY, "hold")], AlertKind.PROMOTION_ON_HOLD),
        (Outcome.HOLD, HALF + DAY, [evaluated(HALF, "hold")], None),
        (Outcome.HOLD, HALF + DAY, [], AlertKind.PROMOTION_ON_HOLD),
        (Outcome.INCONCLUSIVE, DAY, [], AlertKind.PROMOTION_ON_HOLD),
        (Outcome.INCONCLUSIVE, 2 * DAY, [evaluated(DAY, "hold")], AlertKind.PROMOTION_ON_HOLD),
        (Outcome.ROLLBACK, DAY, [], None),
        (Outcome.PROMOTE, DAY, [], None),
    ],
)
def test_alerts_on_hold(
    outcome: Outcome, live: timedelta, before: list[Event], kind: AlertKind | None
) -> None:
    alert = alert_for(outcome, live, *before)
    assert (alert and alert.kind) == kind


def test_an_alert_for_the_same_issue_is_not_repeated() -> None:
    alert_on = lambda issue: alert_for(  # noqa: E731
        Outcome.INCONCLUSIVE, 2 * DAY, evaluated(DAY, "inconclusive", "stale_evidence"), issue=issue
    )
    assert alert_on("stale_evidence") is None
    assert alert_on("insufficient_rows") is not None


def test_a_repeated_evaluation_sends_no_alert() -> None:
    assert alert_for(Outcome.INCONCLUSIVE, DAY, evaluated(DAY, "inconclusive", job="now")) is None


def test_verdicts_on_another_challenger_do_not_count() -> None:
    other = evaluated(DAY, "inconclusive")
    object.__setattr__(other, "challenger_after", "1")
    assert alert_for(Outcome.INCONCLUSIVE, 2 * DAY, other) is not None


def test_a_manual_promotion_is_reported_once_and_an_approval_every_time() -> None:
    before = evaluated(DAY, "promote")
    manual = alert_for(Outcome.PROMOTE, 2 * DAY, promotion="manual")
    assert manual is not None
    assert manual.kind is AlertKind.APPROVAL_REQUIRED
    assert (
        "Decide: trigger linnerud__rollout with the intent promote or rollback" in manual.next_step
    )
    assert alert_for(Outcome.PROMOTE, 2 * DAY, before, promotion="manual") is None
    for earlier in ([], [before]):
        required = alert_for(Outcome.PROMOTE, 2 * DAY, *earlier, promotion="approval")
        assert required is not None
        assert required.next_step == "Approve or reject it in the run in Airflow."


def test_text_of_an_alert_on_hold() -> None:
    alert = alert_for(Outcome.HOLD, HALF)
    assert alert is not None
    assert alert.subject == "linnerud@2 (data until 2026-11-16T03:00:00Z)"
    percentage = CONFIG.rollout.traffic_steps[-1].traffic_percentage
    assert alert.summary == f"Challenger with {percentage} % for 14 d: hold: because."
    assert "without a decision by 2026-12-14 04:00 UTC it is rolled back" in alert.next_step


def test_an_alert_on_hold_has_the_forecast() -> None:
    forecast = {"promotion": 0.41, "rollback": 0.02, "decided_by": None}
    expected = "promoted by the end with 41 %, rolled back with 2 %; likely undecided until then."
    held = alert_for(Outcome.HOLD, HALF, forecast=forecast)
    assert held is not None
    start = "hold: because. Forecast: at the present estimate and rate of rows"
    assert held.summary.endswith(f"{start}: {expected}")
    stale = alert_for(Outcome.INCONCLUSIVE, DAY, issue="stale", forecast=forecast)
    assert stale is not None
    assert f"rate of rows, without the issue stale: {expected}" in stale.summary
    manual = alert_for(Outcome.PROMOTE, DAY, promotion="manual", forecast=forecast)
    assert manual is not None
    assert "Forecast" not in manual.summary
