"""The table of a replay: champion and challenger of each week, read from the events table."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sandbox.replay.replay import Week
from sandbox.terminal import Terminal
from titleholder.events.event import NO_CHANGE_ACTIONS, Action, Event

HEAD = (
    "week until",
    "champion",
    "challenger",
    "outcome",
    "on",
    "after",
    "rows",
    "ahead by",
    "took",
)
_RIGHT = {"after", "rows", "took"}
_WIDE = 120
_ONLY_WIDE = {"on", "took"}
_DEPLOYMENTS = (Action.FIRST_CHAMPION, Action.DEPLOY_CHALLENGER)
_OUTCOMES: dict[str, str] = {
    Action.PROMOTE: "promoted",
    Action.ROLLBACK: "rolled back",
    Action.ABORT: "aborted",
    Action.REMOVE_CHALLENGER: "replaced",
    Action.DEPLOY_CHALLENGER: "replaced",  # in one step, with the replacement surge
}


def replay_rows(weeks: Sequence[Week], events: Iterable[Event]) -> list[tuple[str, ...]]:
    """A row of HEAD's columns for each week; `events` are those of the model, oldest first.

    `champion` is the champion when the week's model was deployed, `after` is how long that model
    was the challenger; `rows` and `ahead by` are those of its last verdict.
    """
    known = list(events)
    return [_row(week, known) for week in weeks]


def print_replay(terminal: Terminal, weeks: Sequence[Week], events: Iterable[Event]) -> None:
    """Print `replay_rows` as a table, in a narrow terminal without some of its columns."""
    wide = terminal.width >= _WIDE
    kept = [name for name in HEAD if wide or name not in _ONLY_WIDE]
    shown = [[row[HEAD.index(name)] for name in kept] for row in replay_rows(weeks, events)]
    if not wide:  # the interval is below the estimate
        shown = [[cell.replace(" (", "\n(") for cell in row] for row in shown]
    colours = {"promoted": "green", "first champion": "green", "rolled back": "yellow"}
    terminal.table(
        kept,
        [[(cell, colours.get(cell, "")) for cell in row] for row in shown],
        right=_RIGHT,
    )
    terminal.print(
        (
            "ahead by: the loss of the champion minus the loss of the challenger, with its "
            "interval, at the last verdict",
            "dim",
        )
    )


def _row(week: Week, events: Sequence[Event]) -> tuple[str, ...]:
    until, took = f"{week.end:%Y-%m-%d}", f"{week.seconds:.0f} s"
    own = [event for event in events if event.interval_end == week.end]
    # In the same run, a replaced challenger leaves before the new one is deployed.
    start = next((event for event in reversed(own) if event.action in _DEPLOYMENTS), None)
    if start is None:
        return until, "-", "-", own[-1].action if own else "nothing", *"----", took
    champion, challenger = (
        start.versions.get(deployed_id, deployed_id) if deployed_id else "-"
        for deployed_id in (start.champion_after, start.challenger_after)
    )
    if start.challenger_after is None:
        day = f"{start.time:%a %Y-%m-%d}"
        return until, champion, "-", "first champion", day, *"---", took
    later = events[events.index(start) + 1 :]
    verdicts = [
        event.evidence["verdict"]
        for event in later
        if event.action == Action.EVALUATED and event.challenger_after == start.challenger_after
    ]
    end = next((event for event in later if _removes(event, start.challenger_after)), None)
    n, estimate = _measured(verdicts[-1]) if verdicts else ("-", "-")
    if end is None:
        outcome = "on hold" if verdicts else "not evaluated yet"
        return until, champion, challenger, outcome, "-", "-", n, estimate, took
    outcome = _OUTCOMES.get(end.action, end.action)
    span = f"{(end.time - start.time) / timedelta(days=1):.1f} d"
    day = f"{end.time:%a %Y-%m-%d}"
    return until, champion, challenger, outcome, day, span, n, estimate, took


def _removes(event: Event, challenger: str) -> bool:
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
