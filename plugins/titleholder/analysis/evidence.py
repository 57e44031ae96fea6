"""What a duel hands over: sufficient statistics of the paired losses, and whence they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.trailing import DifferenceStats


@dataclass(frozen=True)
class Evidence:
    """One measurement. Nothing is believed of it: whatever is in it, a verdict comes out.

    The differences are loss of the champion minus loss of the challenger on the same labelled row,
    so that more than 0 favours the challenger. `n` rows have that `mean` (in the loss's unit) and
    that sample `variance` (divisor n - 1); `smallest` and `largest` are the extreme differences.
    `rows` are in the window, `rows_labelled` of them have a label, `rows_skipped` no sound
    features, and `coverage` is the share that is labelled, 0 to 1 (0 without rows).
    `champion_rows` and `challenger_rows` count the labelled rows on which each gave a finite loss;
    n rows are those of both. `champion_invalid_predictions` and `challenger_invalid_predictions`
    count the rows, labelled or not, for which each gave no sound prediction. `champion` and
    `challenger` are deployed model ids.

    `newest` is the time of the newest row (None without rows), `measured` when they were scored;
    both are aware. `days` are the same n rows day by day, oldest first; empty where that is not
    known.
    """

    champion: str
    challenger: str
    loss: str
    target: str
    n: float
    mean: float
    variance: float
    smallest: float
    largest: float
    coverage: float
    champion_rows: float
    challenger_rows: float
    rows: float
    rows_labelled: float
    rows_skipped: float
    champion_invalid_predictions: float
    challenger_invalid_predictions: float
    newest: datetime | None
    measured: datetime
    days: tuple[DifferenceStats, ...] = ()


@dataclass(frozen=True)
class EvaluationContext:
    """Who is judged, and when: deployed model ids, the time since which the challenger has had its
    present share, and `now`, both aware; `looks` counts the verdicts on this challenger, this one
    included; `seen` is the time of the newest row that an earlier one of them had, if any."""

    champion: str
    challenger: str
    since: datetime
    now: datetime
    analysis_count: int
    seen: datetime | None = None

    @property
    def time_at_percentage(self) -> timedelta:
        """How long the challenger has had its present share."""
        return self.now - self.since
