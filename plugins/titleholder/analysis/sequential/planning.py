"""What a design can find, before there is evidence of its own. No I/O."""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.sequential.design import Design
from titleholder.analysis.sequential.forecast import detectable_difference
from titleholder.analysis.sequential.sentences import difference_text, units_text
from titleholder.events.event import Action, Event

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class PastDuel:
    """A duel by which a challenger was evaluated: the `variance` of the differences of its `rows`
    rows or clusters, which came at `rows_per_day`, the `version` of the challenger, and the event's
    `time`."""

    variance: float
    rows: float
    rows_per_day: float
    version: str
    time: datetime


def last_duel(events: Iterable[Event], design: Design) -> PastDuel | None:
    """The last duel by the loss of the design, on its target and its clusters, that had enough rows
    for an interval, by the events, oldest first; None without one."""
    found = None
    for event in events:
        if event.action == Action.EVALUATED:
            found = _past_duel(event, design) or found
    return found


def rows_by_the_end(design: Design, rows_per_day: float, label_delay: timedelta) -> float:
    """The number of rows that the last planned look has: those that come in the design's duration,
    without the last `label_delay`; 0 for a design without an end."""
    if design.ends is None:
        return 0.0
    return rows_per_day * max((design.ends - design.begins - label_delay) / _DAY, 0.0)


def expectation_text(design: Design, past: PastDuel, label_delay: timedelta) -> str:
    """What the design finds if rows come as in an earlier duel and differ as much, in one sentence;
    "" for a confidence sequence."""
    rows = rows_by_the_end(design, past.rows_per_day, label_delay)
    found = detectable_difference(design, rows, past.variance)
    if found is None:
        return ""
    what = "improvement" if design.hypothesis == "superiority" else "difference"
    return (
        f"the smallest {what} that this design finds with 80 % by its end is "
        f"{difference_text(design, found)}, with {past.rows_per_day:,.0f} {units_text(design)} a "
        f"day and a variance of {past.variance:.3g}, as in the last duel on {past.version}"
    )


def _past_duel(event: Event, design: Design) -> PastDuel | None:
    # Events written by other versions may have any content.
    with suppress(AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
        duel, look = event.evidence["duel"], event.evidence["verdict"]["look"]
        ends = (datetime.fromisoformat(duel[name]) for name in ("window_start", "window_end"))
        start, end = ends
        variance, rows = float(duel["variance"]), float(duel["n"])
        rate = rows / ((end - start) / _DAY)
        subject = duel["loss"], duel["primary_target"], duel.get("cluster_column") or ""
        same = subject == (design.loss, design.target, design.cluster_column)
        usable = math.isfinite(variance) and variance > 0 and math.isfinite(rate) and rate > 0
        if look and same and usable:
            challenger = event.challenger_after or ""
            return PastDuel(variance, rows, rate, event.version_text(challenger), event.time)
    return None
