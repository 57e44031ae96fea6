"""Whether the previous champion is better since the decay was found. No I/O."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from titleholder.analysis.sequential.confidence_sequence import interval
from titleholder.analysis.trailing_windows import (
    DifferenceStats,
    are_consistent,
    trailing_windows,
)
from titleholder.config.duel import Duel
from titleholder.events.event import Action, Event


@dataclass(frozen=True)
class PreviousComparison:
    """The mean difference, loss of the champion minus that of the previous champion, on `n` units
    since the decay was found, with the low end of its confidence sequence; None without one.
    `better`: the previous champion is better. The reason is a phrase."""

    better: bool
    reason: str
    n: float = 0.0
    estimate: float | None = None
    low: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON for an event."""
        return dict(vars(self))


def compare_previous(
    days: Collection[DifferenceStats], duel: Duel, invalid_predictions: float
) -> PreviousComparison:
    """By the differences of each day after the decay was found, in any order.

    Only those days: the ones before are known to be bad for the champion, by which the previous one
    would look better than it is. The interval is a confidence sequence, as it is looked at every
    day for as long as the decay lasts; the probability that a previous champion returns which is
    not better is at most `duel.alpha`. `invalid_predictions` are those of the previous champion in
    the last measurement: with any, it is not better.
    """
    n = sum(day.n for day in days)
    if not n >= max(duel.min_rows, 2) or not are_consistent(list(days), n):
        return PreviousComparison(
            False, f"{n:g} rows since the decay was found, fewer than duel.min_rows", n
        )
    if invalid_predictions != 0:
        return PreviousComparison(
            False, f"the previous champion has {invalid_predictions:g} invalid predictions", n
        )
    *_, whole = trailing_windows(list(days), 2)
    low, _ = interval(n, whole.mean, whole.variance, 2 * duel.alpha, duel.min_rows)
    if not math.isfinite(low):
        return PreviousComparison(False, "the differences are not finite numbers", n)
    # A zero variance is no evidence, however many rows there are.
    better = low > duel.margin and whole.variance > 0
    verb = "is better" if better else "is not shown to be better"
    reason = (
        f"on {n:.0f} rows since the decay was found, the previous champion {verb}: its loss is "
        f"lower by {whole.mean:.4g}, at least {low:.4g}"
    )
    return PreviousComparison(better, reason, n, whole.mean, low)


def kept_because(
    events: Iterable[Event], ids: Collection[str], alarm: date, is_backfill: bool
) -> str:
    """Why the champion with these deployed model ids keeps its role, though the previous one is
    better since the day `alarm`; "" for no reason. `events` are those of its endpoint.

    Once for each decay: a champion that has its role again since then has it from a person, or from
    a decision that must not be undone every other day.
    """
    if is_backfill:
        return "this run is a backfill, which moves no live traffic"
    undone = [
        event
        for event in events
        if event.action == Action.UNDO_PROMOTION
        and event.time.date() > alarm
        and (event.champion_before in ids or event.champion_after in ids)
    ]
    if undone:
        return (
            f"a promotion was undone {undone[-1].time:%Y-%m-%d %H:%M} UTC, since the decay was "
            "found, and what is champion now is for a person to decide"
        )
    return ""
