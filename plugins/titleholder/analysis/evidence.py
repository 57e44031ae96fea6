"""Evidence of a duel (sufficient statistics of paired losses) and context of its evaluation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.sequential.design import Design, Look
from titleholder.analysis.trailing_windows import DifferenceStats


@dataclass(frozen=True)
class Evidence:
    """One measurement, unchecked: any value of any field leads to a verdict.

    Differences are the champion's loss minus the challenger's on the same labelled row; above 0
    the challenger is better. `n` units have that `mean` (in the loss's unit), that sample
    `variance` (divisor n - 1) and `skewness` (the third central moment over the third power of the
    standard deviation); `smallest` and `largest` are the extreme differences. A unit is a row, or
    with a `cluster_column` ("" for none) a cluster: the rows with the same value of that column,
    whose differences are averaged.

    `rows` is the number of rows in the window, or in a sample of it; `rows_labelled` of them have a
    label, `rows_skipped` have no valid features, and `coverage` is the labelled part, 0 to 1 (0
    without rows). `champion_rows` and `challenger_rows` count the labelled rows on which each model
    has a finite loss, `rows_compared` those on which both have, which are the rows of the n units.
    `champion_invalid_predictions` and `challenger_invalid_predictions` count the
    rows, labelled or not, for which each model gave no valid prediction. `champion` and
    `challenger` are deployed model ids.

    `newest` is the time of the newest row (None without rows), `measured` the time of scoring, both
    aware. `days` has the same n units by day, oldest first; empty if unknown.
    """

    champion: str
    challenger: str
    loss: str
    target: str
    n: float
    rows_compared: float
    mean: float
    variance: float
    skewness: float
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
    cluster_column: str = ""

    @property
    def units(self) -> str:
        """What `n` counts: rows or clusters."""
        return "clusters" if self.cluster_column else "rows"


@dataclass(frozen=True)
class EvaluationContext:
    """The models and times of an evaluation.

    `champion` and `challenger` are deployed model ids; since `since` the challenger has had its
    traffic percentage. `analysis_count` counts the evaluations of this challenger, including this
    one; `newest_evaluated` is the time of the newest row of the earlier ones, if any. All times
    are aware.

    The `design` is that of the first evaluation of this pair, `earlier` are the looks before this
    one, and `changes` is what the model's file has changed of the design since, "" for nothing.
    """

    champion: str
    challenger: str
    since: datetime
    now: datetime
    analysis_count: int
    design: Design
    newest_evaluated: datetime | None = None
    earlier: tuple[Look, ...] = ()
    changes: str = ""

    @property
    def time_at_percentage(self) -> timedelta:
        """How long the challenger has had its traffic percentage."""
        return self.now - self.since
