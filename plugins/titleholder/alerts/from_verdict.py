"""Alerts for verdicts that change nothing but need attention. No I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.analysis.decision import next_transition
from titleholder.analysis.evaluate import Evaluation
from titleholder.analysis.model_pair import RegisteredModel
from titleholder.analysis.progress import forecast_sentence
from titleholder.analysis.verdict import Outcome
from titleholder.config.duel import Duel, format_days
from titleholder.config.model import ModelConfig
from titleholder.events.event import Action, Event

# The part of duel.max_duration after which a person hears of what happens at its end. It is not
# that of the planned duration: a weekly challenger leaves for the next one without anyone's action,
# and by half of that time only 3 % of the equal challengers are decided, and 23 % of those with the
# improvement that the design finds with 80 %.
_LONG = 0.5


def alert_for_verdict(
    config: ModelConfig,
    duel: Duel,
    evaluation: Evaluation,
    challenger: RegisteredModel,
    events: Sequence[Event],
    now: datetime,
    pages: Sequence[Link] = (),
) -> Alert | None:
    """The alert for an evaluation; None for an outcome that changes something, as the change has an
    alert of its own.

    `events` are the model's before this one, oldest first. No alert is repeated for a challenger
    that is inconclusive with the same issue, on hold since half of `duel.max_duration`, or waiting
    for a promotion by hand; a required approval is an alert every time.
    """
    earlier = [
        event
        for event in events
        if event.action == Action.EVALUATED and event.challenger_after == challenger.id
    ]
    if any(event.evidence.get("job") == evaluation.record["job"] for event in earlier):
        return None
    last = earlier[-1] if earlier else None
    verdict, decision = evaluation.verdict, evaluation.decision
    begun = datetime.fromisoformat(evaluation.record["since"])
    end = begun + duel.max_duration if duel.max_duration is not None else None
    long = begun + _LONG * (end - begun) if end is not None else None
    percentage = evaluation.record["traffic_percentage"]
    by_hand = f"trigger {config.model}__rollout with the intent promote or rollback"
    steps = config.rollout.traffic_steps
    move = next_transition(steps, percentage, now - begun, verdict.outcome).move
    if decision.needs_approval:
        kind, next_step = AlertKind.APPROVAL_REQUIRED, "Approve or reject it in the run in Airflow."
    elif decision.intent is None and move != "hold":
        if last is not None and _recorded(last, "outcome") == verdict.outcome:
            return None
        kind, next_step = AlertKind.APPROVAL_REQUIRED, f"Decide: {by_hand}."
    elif verdict.outcome is Outcome.INCONCLUSIVE:
        recorded = [_recorded(last, name) for name in ("outcome", "issue")] if last else []
        if recorded == [verdict.outcome, verdict.issue]:
            return None
        kind, next_step = (
            AlertKind.PROMOTION_ON_HOLD,
            f"Time alone will not change it: correct what the sentence names, or {by_hand}.",
        )
    elif (
        verdict.outcome is Outcome.HOLD
        and long
        and now >= long
        and (last is None or last.time < long)
    ):
        then = "a person has to decide" if duel.on_timeout == "manual" else "it is rolled back"
        kind, next_step = (
            AlertKind.PROMOTION_ON_HOLD,
            f"Nothing: without a decision by {end:%Y-%m-%d %H:%M} UTC {then}. To decide now, "
            f"{by_hand}.",
        )
    else:
        return None
    age = max(now - begun, timedelta(0))
    expected = forecast_sentence(evaluation.record) if kind is AlertKind.PROMOTION_ON_HOLD else ""
    return Alert(
        kind,
        config.model,
        f"{challenger.version} (data until {challenger.data_interval_end})",
        f"Challenger with {percentage} % for {format_days(age)}: {verdict.outcome}: "
        f"{decision.reason}." + (f" Forecast: {expected}." if expected else ""),
        f"unchanged: the challenger {challenger.version} receives {percentage} % of the traffic.",
        next_step,
    ).linked(*pages)


def _recorded(event: Event, name: str) -> object:
    verdict = event.evidence.get("verdict")
    return verdict.get(name) if isinstance(verdict, dict) else None
