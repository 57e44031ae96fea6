"""The decision that follows from a verdict: the next traffic step, a promotion, a rollback. No I/O."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import format_days
from titleholder.config.rollout import Rollout, TrafficStep
from titleholder.events.event import NO_CHANGE_ACTIONS, Action, Event
from titleholder.rollout.intents import Promote, RoleIntent, RollBack, SetTrafficPercentage


@dataclass(frozen=True)
class Transition:
    """The next move on the way to promotion; `traffic_percentage` is that of "next_step"."""

    move: Literal["next_step", "promote", "hold", "rollback"]
    reason: str
    traffic_percentage: int | None = None


def next_transition(
    steps: Sequence[TrafficStep], percentage: int, live: timedelta, outcome: Outcome
) -> Transition:
    """The move of a challenger that has had `percentage` for the time `live`, after a verdict.

    A rollback waits for nothing; a promotion goes through every greater step, each baked, and each
    with a verdict of its own. A percentage between two steps, set by a person, bakes as long as the
    lower of them, and the next greater step follows. Pure and total; steps in any order.
    """
    if not 1 <= percentage <= 99:
        return Transition("hold", f"{percentage} % is no challenger's traffic percentage")
    if outcome is Outcome.ROLLBACK:
        return Transition("rollback", f"the verdict at {percentage} % is to roll back")
    if outcome is not Outcome.PROMOTE:
        return Transition("hold", f"the verdict at {percentage} % is {outcome}")
    ordered = sorted(steps, key=lambda step: step.traffic_percentage)
    reached = [step for step in ordered if step.traffic_percentage <= percentage] or ordered[:1]
    bake = reached[-1].bake if reached else timedelta(0)
    if live < bake:
        return Transition(
            "hold",
            f"{percentage} % bakes for {format_days(bake)}, and has for {format_days(live)}",
        )
    greater = [one.traffic_percentage for one in ordered if one.traffic_percentage > percentage]
    if greater:
        reason = f"{percentage} % is passed; {greater[0]} % is next"
        return Transition("next_step", reason, greater[0])
    return Transition("promote", f"{percentage} % is passed, the last step")


@dataclass(frozen=True)
class Decision:
    """The intent that follows, None for none, and the reason in one sentence. `needs_approval`: a
    person has to approve the intent first."""

    intent: RoleIntent | None
    reason: str
    needs_approval: bool = False


def decide(
    verdict: Verdict, rollout: Rollout, percentage: int, live: timedelta, challenger: str
) -> Decision:
    """The decision on a challenger that has had `percentage` for the time `live`.

    A rollback is done whatever `rollout.promotion` is; "manual" leaves promotion and traffic steps
    to a person, "approval" only the promotion. Pure and total.
    """
    then = next_transition(rollout.traffic_steps, percentage, live, verdict.outcome)
    reason = f"{verdict.reason}; {then.reason}"
    if then.move == "rollback":
        return Decision(RollBack(challenger), reason)
    if then.move == "hold":
        return Decision(None, reason if verdict.outcome is Outcome.PROMOTE else verdict.reason)
    if rollout.promotion == "manual":
        return Decision(None, f"{reason}; rollout.promotion is manual, so nothing is changed")
    if then.move == "promote":
        return Decision(Promote(challenger), reason, rollout.promotion == "approval")
    return Decision(SetTrafficPercentage(challenger, then.traffic_percentage or 0), reason)


def unchanged_since(events: Sequence[Event], challenger: str, percentage: int) -> datetime | None:
    """The time since which the challenger has had that traffic percentage without a break, by the
    model's events, oldest first; None when they do not tell."""
    begun = None
    for event in reversed(events):
        if event.action in NO_CHANGE_ACTIONS:
            continue
        split = event.split_after or {}
        if event.challenger_after != challenger or split.get(challenger) != percentage:
            break
        begun = event.time
        before = event.split_before
        if before is not None and before.get(challenger) != percentage:
            # It was changed by hand before this event restored it.
            break
    return begun


def newest_row(events: Sequence[Event], challenger: str) -> datetime | None:
    """The time of the newest row in the evaluations of this challenger so far; None for none."""
    times = []
    for event in _evaluations(events, challenger):
        # Rows that others wrote may hold anything.
        with suppress(KeyError, TypeError, ValueError):
            times.append(datetime.fromisoformat(event.evidence["duel"]["last_row"]))
    return max((time for time in times if time.tzinfo is not None), default=None)


def analysis_count(events: Sequence[Event], challenger: str, job: str) -> int:
    """The number of duels by which this challenger was evaluated, the one of `job` included."""
    jobs = {event.evidence.get("job") for event in _evaluations(events, challenger)}
    return len(jobs | {job})


def _evaluations(events: Sequence[Event], challenger: str) -> Iterator[Event]:
    return (
        event
        for event in events
        if event.action == Action.EVALUATED and event.challenger_after == challenger
    )
