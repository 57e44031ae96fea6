"""What is told of a verdict that changes nothing, though somebody should look."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.analysis.evaluate import Evaluation
from titleholder.analysis.pair import RegisteredModel
from titleholder.analysis.rules import format_days
from titleholder.analysis.stages import next_transition
from titleholder.analysis.verdict import Outcome
from titleholder.config.duel import Duel
from titleholder.config.model import ModelConfig
from titleholder.events.event import Event

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
    """The alert of a judgement, or None: an outcome that is acted on is told as a change.

    `events` are the model's before this one, oldest first: what they told of this challenger is
    not told again. That is an inconclusive verdict with the same doubt, a challenger held for half
    of `duel.max_duration`, and one that has earned more than `rollout.promotion: manual` gives. A
    person who is asked to approve is told every time.
    """
    looks = [
        event
        for event in events
        if event.action == "judged" and event.challenger_after == challenger.id
    ]
    if any(event.evidence.get("job") == made.record["job"] for event in looks):
        return None
    last = looks[-1] if looks else None
    found, decision = made.verdict, made.decision
    begun = datetime.fromisoformat(made.record["since"])
    long = begun + _LONG * duel.max_duration
    share = made.record["share"]
    by_hand = f"trigger {config.model}__rollout with the intent promote or rollback"
    earned = (
        decision.intent is None
        and next_transition(config.rollout.stages, share, now - begun, found.outcome).move != "hold"
    )
    if decision.needs_approval:
        kind, todo = AlertKind.APPROVAL_REQUIRED, "Approve or reject it in the run in Airflow."
    elif earned:
        if last is not None and _told(last, "outcome") == found.outcome:
            return None
        kind, todo = AlertKind.APPROVAL_REQUIRED, f"Decide: {by_hand}."
    elif found.outcome is Outcome.INCONCLUSIVE:
        before = [_told(last, name) for name in ("outcome", "doubt")] if last else []
        if before == [found.outcome, found.issue]:
            return None
        kind, todo = (
            AlertKind.PROMOTION_ON_HOLD,
            f"Time alone will not mend it: mend what the sentence names, or {by_hand}.",
        )
    elif found.outcome is Outcome.HOLD and now >= long and (last is None or last.time < long):
        end = begun + duel.max_duration
        then = "a person is asked" if duel.on_timeout == "manual" else "it is rolled back"
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
        f"Challenger with {share} % for {format_days(lived)}: {found.outcome}: {decision.reason}.",
        f"unchanged: {share} % of the requests go to the challenger {challenger.version}.",
        todo,
    ).linked(*pages)


def _told(event: Event, name: str) -> object:
    verdict = event.evidence.get("verdict")
    return verdict.get(name) if isinstance(verdict, dict) else None
