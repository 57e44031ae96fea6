"""Who held the title week by week, and what each challenger earned: read from the events table."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sandbox.replay.replay import Week
from titleholder.events.event import NO_CHANGE_ACTIONS, Event

_HEAD = (
    "week until",
    "champion",
    "challenger",
    "earned",
    "on",
    "after",
    "rows",
    "ahead by",
    "took",
)
_RIGHT = {"after", "rows", "took"}
_OUTCOMES = {
    "promote": "promoted",
    "rollback": "rolled back",
    "abort": "aborted",
    "withdraw": "replaced",
    "seat": "replaced",  # at once, with the replacement surge
}


def replay_report(weeks: Sequence[Week], events: Iterable[Event]) -> list[str]:
    """A table for a terminal, a line a week of data; `events` are the model's, oldest first.

    `champion` had the title when the week's model came; `after` is how long that was challenger.
    `rows` and the estimate with its interval are those of its last verdict.
    """
    known = list(events)
    rows = [_HEAD, *(_row(week, known) for week in weeks)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if name in _RIGHT else cell.ljust(width)
            for cell, width, name in zip(row, widths, _HEAD, strict=True)
        )
        for row in rows
    ]


def _row(week: Week, events: Sequence[Event]) -> tuple[str, ...]:
    until, took = f"{week.end:%Y-%m-%d}", f"{week.seconds:.0f} s"
    own = [event for event in events if event.interval_end == week.end]
    # Whoever leaves for a model goes before it is seated, in the same run.
    came = next((event for event in reversed(own) if event.action in ("crown", "seat")), None)
    if came is None:
        return until, "-", "-", own[-1].action if own else "nothing", *"----", took
    champion, challenger = (
        came.versions.get(who, who) if (who := role) else "-"
        for role in (came.champion_after, came.challenger_after)
    )
    if came.challenger_after is None:
        return until, champion, "-", "the first title", f"{came.time:%a %Y-%m-%d}", *"---", took
    after = events[events.index(came) + 1 :]
    looks = [
        event.evidence["verdict"]
        for event in after
        if event.action == "judged" and event.challenger_after == came.challenger_after
    ]
    left = next((event for event in after if _outcome_of(event, came.challenger_after)), None)
    n, estimate = _measured(looks[-1]) if looks else ("-", "-")
    if left is None:
        earned = "held so far" if looks else "not judged yet"
        return until, champion, challenger, earned, "-", "-", n, estimate, took
    earned = _OUTCOMES.get(left.action, left.action)
    span = f"{(left.time - came.time) / timedelta(days=1):.1f} d"
    day = f"{left.time:%a %Y-%m-%d}"
    return until, champion, challenger, earned, day, span, n, estimate, took


def _outcome_of(event: Event, challenger: str) -> bool:
    return (
        event.action not in NO_CHANGE_ACTIONS
        and event.challenger_before == challenger
        and event.challenger_after != challenger
    )


def _measured(verdict: dict[str, Any]) -> tuple[str, str]:
    n, estimate, low, high = (verdict[name] for name in ("n", "estimate", "low", "high"))
    if low is None or high is None:
        return f"{n:.0f}", "-"
    return f"{n:.0f}", f"{estimate:6.3f} ({low:.3f} to {high:.3f})"
