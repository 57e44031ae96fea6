"""Alerts of verdicts that change nothing but need attention."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.analysis.decision import next_transition
from titleholder.analysis.evaluate import Evaluation
from titleholder.analysis.pair import RegisteredModel
from titleholder.analysis.verdict import Outcome
from titleholder.config.duel import Duel, format_days
from titleholder.config.model import ModelConfig
from titleholder.events.event import Action, Event

# Of duel.max_duration: by then a challenger that can win at all has mostly won.
_LONG = 0.5


def alert_for_verdict(
    config: ModelConfig,
    duel: Duel,
    made: Evaluation,
    challenger: RegisteredModel,
    events: Sequence[Event],
    now: datetime,
    pages: Sequence[Link] = (),
) -> Alert | None:
    """The alert of an evaluation, or None: an outcome that changes something has the alert of that
    change.

    `events` are the model's before this one, oldest first: an alert is not repeated for a
    challenger that is inconclusive with the same issue, is on hold since half of
    `duel.max_duration`, or waits for a promotion by hand. An approval that is required is an alert
    every time.
    """
    earlier = [
        event
        for event in events
        if event.action == Action.EVALUATED and event.challenger_after == challenger.id
    ]
    if any(event.evidence.get("job") == made.record["job"] for event in earlier):
        return None
    last = earlier[-1] if earlier else None
    found, decision = made.verdict, made.decision
    begun = datetime.fromisoformat(made.record["since"])
    long = begun + _LONG * duel.max_duration
    percentage = made.record["traffic_percentage"]
    by_hand = f"trigger {config.model}__rollout with the intent promote or rollback"
    steps = config.rollout.traffic_steps
    move = next_transition(steps, percentage, now - begun, found.outcome).move
    if decision.needs_approval:
        kind, todo = AlertKind.APPROVAL_REQUIRED, "Approve or reject it in the run in Airflow."
    elif decision.intent is None and move != "hold":
        if last is not None and _recorded(last, "outcome") == found.outcome:
            return None
        kind, todo = AlertKind.APPROVAL_REQUIRED, f"Decide: {by_hand}."
    elif found.outcome is Outcome.INCONCLUSIVE:
        before = [_recorded(last, name) for name in ("outcome", "issue")] if last else []
        if before == [found.outcome, found.issue]:
            return None
        kind, todo = (
            AlertKind.PROMOTION_ON_HOLD,
            f"Time alone will not settle it: correct what the sentence names, or {by_hand}.",
        )
    elif found.outcome is Outcome.HOLD and now >= long and (last is None or last.time < long):
        end = begun + duel.max_duration
        then = "a person has to decide" if duel.on_timeout == "manual" else "it is rolled back"
        kind, todo = (
            AlertKind.PROMOTION_ON_HOLD,
            f"Nothing: without a decision by {end:%Y-%m-%d %H:%M} UTC {then}. To decide now, "
            f"{by_hand}.",
        )
    else:
        return None
    lived = max(now - begun, timedelta(0))
    return Alert(
        kind,
        config.model,
        f"{challenger.version} (data until {challenger.data_interval_end})",
        f"Challenger with {percentage} % for {format_days(lived)}: {found.outcome}: "
        f"{decision.reason}.",
        f"unchanged: the challenger {challenger.version} receives {percentage} % of the traffic.",
        todo,
    ).linked(*pages)


def _recorded(event: Event, name: str) -> object:
    verdict = event.evidence.get("verdict")
    return verdict.get(name) if isinstance(verdict, dict) else None
