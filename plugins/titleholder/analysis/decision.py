"""From a verdict to what is done to the endpoint. No I/O."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from titleholder.analysis.stages import TrafficStep, next_transition
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.events.event import NO_CHANGE_ACTIONS, Event
from titleholder.rollout.wishes import Wish

Promotion = Literal["automatic", "approval", "manual"]


@dataclass(frozen=True)
class Decision:
    """What to do, None for nothing, and why in one sentence. `asks`: only if a person agrees."""

    intent: Wish | None
    reason: str
    needs_approval: bool = False


def decide(
    verdict: Verdict,
    stages: Sequence[TrafficStep],
    share: int,
    live: timedelta,
    challenger: str,
    promotion: Promotion,
) -> Decision:
    """What follows for a challenger that has had `share` per cent for `live`.

    A rollback is done whatever `promotion` says; "manual" keeps both title and share from a
    challenger that has earned more; "approval" asks for the title alone. Pure and total.
    """
    then = next_transition(stages, share, live, verdict.outcome)
    reason = f"{verdict.reason}; {then.reason}"
    if then.move == "roll back":
        return Decision(Wish("rollback", challenger), reason)
    if then.move == "hold":
        if verdict.outcome is not Outcome.PROMOTE:
            reason = verdict.reason
        return Decision(None, reason)
    if promotion == "manual":
        return Decision(None, f"{reason}; rollout.promotion is never, so nothing is changed")
    if then.move == "promote":
        return Decision(Wish("promote", challenger), reason, needs_approval=promotion == "approval")
    return Decision(Wish("share", challenger, then.traffic_percentage), reason)


def unchanged_since(events: Sequence[Event], challenger: str, share: int) -> datetime | None:
    """Since when the challenger has had that share without a break, by the events of its model in
    the order of history; None when they do not tell."""
    begun = None
    for event in reversed(events):
        if event.action in NO_CHANGE_ACTIONS:
            continue
        if (
            event.challenger_after != challenger
            or (event.split_after or {}).get(challenger) != share
        ):
            break
        begun = event.time
        before = event.split_before
        if before is not None and before.get(challenger) != share:
            # So it is where somebody had changed it by hand, and it was restored.
            break
    return begun


def newest_row(events: Sequence[Event], challenger: str) -> datetime | None:
    """The time of the newest row on which this challenger was judged so far; None for none."""
    times = []
    for event in _verdicts(events, challenger):
        # Rows that others wrote may hold anything.
        with suppress(KeyError, TypeError, ValueError):
            times.append(datetime.fromisoformat(event.evidence["duel"]["last_row"]))
    return max((time for time in times if time.tzinfo is not None), default=None)


def analysis_count(events: Sequence[Event], challenger: str, job: str) -> int:
    """How many duels this challenger has been judged by, the one of `job` included."""
    judged = {event.evidence.get("job") for event in _verdicts(events, challenger)}
    return len(judged | {job})


def _verdicts(events: Sequence[Event], challenger: str) -> Iterator[Event]:
    return (e for e in events if e.action == "judged" and e.challenger_after == challenger)
