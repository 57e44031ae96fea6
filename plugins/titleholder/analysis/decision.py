"""The decision after a verdict: next traffic step, promotion or rollback. No I/O."""

from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from titleholder.analysis.sequential.design import Design, Look, parse_design
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import format_days
from titleholder.config.rollout import Rollout, TrafficStep
from titleholder.events.event import NO_CHANGE_ACTIONS, Action, Event
from titleholder.rollout.intents import Promote, RoleIntent, RollBack, SetTrafficPercentage


@dataclass(frozen=True)
class Transition:
    """The next move of a rollout; `traffic_percentage` belongs to "next_step"."""

    move: Literal["next_step", "promote", "hold", "rollback"]
    reason: str
    traffic_percentage: int | None = None


def next_transition(
    steps: Sequence[TrafficStep], percentage: int, live: timedelta, outcome: Outcome
) -> Transition:
    """The move after a verdict on a challenger that has had `percentage` for the time `live`.

    A rollback is immediate; a promotion passes every greater step, each with its bake time and its
    own verdict. A percentage between two steps, set by a user, bakes as long as the lower of them,
    and the next greater step follows. Pure and total; steps in any order.
    """
    if not 1 <= percentage <= 99:
        return Transition("hold", f"{percentage} % is not a challenger's traffic percentage")
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
    greater = [s.traffic_percentage for s in ordered if s.traffic_percentage > percentage]
    if greater:
        reason = f"{percentage} % is passed; {greater[0]} % is next"
        return Transition("next_step", reason, greater[0])
    return Transition("promote", f"{percentage} % is passed, the last step")


@dataclass(frozen=True)
class Decision:
    """The intent that follows, if any, and the reason in one sentence. With `needs_approval` a user
    has to approve the intent first."""

    intent: RoleIntent | None
    reason: str
    needs_approval: bool = False


def decide(
    verdict: Verdict, rollout: Rollout, percentage: int, live: timedelta, challenger: str
) -> Decision:
    """The decision on a challenger that has had `percentage` for the time `live`.

    A rollback is done whatever `rollout.promotion` is; "manual" leaves promotion and traffic steps
    to a user, "approval" only the
    approval of a promotion. Pure and total.
    """
    transition = next_transition(rollout.traffic_steps, percentage, live, verdict.outcome)
    reason = f"{verdict.reason}; {transition.reason}"
    if transition.move == "rollback":
        return Decision(RollBack(challenger), reason)
    if transition.move == "hold":
        return Decision(None, reason if verdict.outcome is Outcome.PROMOTE else verdict.reason)
    if rollout.promotion == "manual":
        return Decision(None, f"{reason}; rollout.promotion is manual, so nothing is changed")
    if transition.move == "promote":
        return Decision(Promote(challenger), reason, rollout.promotion == "approval")
    return Decision(SetTrafficPercentage(challenger, transition.traffic_percentage or 0), reason)


def unchanged_since(events: Sequence[Event], challenger: str, percentage: int) -> datetime | None:
    """The time since when the challenger has had that traffic percentage without interruption, by
    the model's events, oldest first; None if the events do not show it."""
    since = None
    for event in reversed(events):
        if event.action in NO_CHANGE_ACTIONS:
            continue
        split = event.split_after or {}
        if event.challenger_after != challenger or split.get(challenger) != percentage:
            break
        since = event.time
        before = event.split_before
        if before is not None and before.get(challenger) != percentage:
            # It was changed by hand before this event.
            break
    return since


def newest_row(events: Sequence[Event], challenger: str) -> datetime | None:
    """The time of the newest row in the earlier evaluations of this challenger, if any."""
    times = []
    for event in _evaluations(events, challenger):
        # Events written by other versions may have any content.
        with suppress(KeyError, TypeError, ValueError):
            times.append(datetime.fromisoformat(event.evidence["duel"]["last_row"]))
    return max((time for time in times if time.tzinfo is not None), default=None)


def analysis_count(events: Sequence[Event], challenger: str, job: str) -> int:
    """The number of duels by which this challenger was evaluated, including the one of `job`."""
    jobs = {event.evidence.get("job") for event in _evaluations(events, challenger)}
    return len(jobs | {job})


def earlier_looks(
    events: Sequence[Event], champion: Container[str], challenger: Container[str], job: str = ""
) -> tuple[Design | None, tuple[Look, ...]]:
    """The design that the first verdict on this pair recorded, and the looks until now, without
    that of `job`. Champion and challenger are all deployed model ids of their training runs."""
    design, looks = None, {}
    for event in events:
        same = event.champion_after in champion and event.challenger_after in challenger
        if event.action != Action.EVALUATED or not same or event.evidence.get("job") == job:
            continue
        design = design or parse_design(event.evidence.get("design"))
        # Events written by other versions may have any content.
        with suppress(KeyError, TypeError, ValueError):
            found = event.evidence["verdict"]["look"]
            looks[event.evidence["job"]] = Look(float(found["time"]), float(found["rows"]))
    return design, tuple(looks.values())


def _evaluations(events: Sequence[Event], challenger: str) -> Iterator[Event]:
    return (
        event
        for event in events
        if event.action == Action.EVALUATED and event.challenger_after == challenger
    )
