"""What the test for decay would have said, day by day. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_state import WatchState, watch_state
from titleholder.analysis.watching.look import decay_rules
from titleholder.config.watch import Watch
from titleholder.rollout.view import Version, View

# The rule that many teams have: yesterday's loss against the reference.
NAIVE_INCREASE = 0.1


@dataclass(frozen=True)
class BacktestDay:
    """One counted day with its loss, the state after it, and whether the naive rule would have
    reported it: a loss more than 10 % above the mean of the reference."""

    day: date
    n: float
    loss: float
    state: WatchState
    naive_alarm: bool


def backtest(days: Sequence[DayLoss], watch: Watch) -> list[BacktestDay]:
    """The states after each day, each without knowledge of the later ones."""
    rules = decay_rules(watch)
    found = []
    for end in range(1, len(days) + 1):
        state, newest = watch_state(days[:end], rules), days[end - 1]
        reference = state.finding.reference_mean if state.finding is not None else None
        naive = reference is not None and newest.loss > reference * (1 + NAIVE_INCREASE)
        found.append(BacktestDay(newest.day, newest.n, newest.loss, state, naive))
    return found


def version_to_backtest(view: View, until: date) -> Version | None:
    """The newest registered version whose training data end by `until`, else the one with the
    oldest data: with it, most of the days after `until` are new to the model. None without a
    version that can be scored."""
    scored = [
        (version.data_interval_end, version)
        for version in view.versions
        if version.data_interval_end is not None and version.digest and version.uri
    ]
    if not scored:
        return None
    old = [one for one in scored if one[0].date() <= until]
    pick = max if old else min
    return pick(old or scored, key=lambda one: (one[0], int(one[1].number)))[1]
