"""What a model's owner demands of a challenger before it gets the title."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


def format_days(span: timedelta) -> str:
    """The span for a person: `28 d`, `0.5 d`."""
    return f"{span / timedelta(days=1):.3g} d"


Metric = Literal["absolute", "squared", "log loss", "zero-one"]


def format_loss(metric: str) -> str:
    """The metric for a person: `absolute loss`, `log loss`."""
    return metric if metric.endswith("loss") else f"{metric} loss"


@dataclass(frozen=True)
class Rules:
    """How a duel is judged.

    The differences are loss of the champion minus loss of the challenger, by `metric` on the one
    target that decides. superiority: promote when the whole interval is above 0. non-inferiority:
    when it is above -`margin`, in the loss's unit. Either way a challenger whose whole interval is
    below -`margin` is sent home.

    `alpha` is the chance, both sides and all looks together, of an interval that misses the truth.
    The interval is tightest near `planned_rows` rows (None: `min_rows`). `min_label_coverage` is
    the least share of the rows old enough to be labelled that are; evidence whose newest row is
    older than `max_evidence_age` promotes nobody; one row may carry `heaviest_row` of the sum of
    squares.

    Times count from the moment the challenger got its present share. At `max_duration` (None:
    never) the champion stays and the challenger goes, or a person is asked. Changing a rule while
    a duel is on gives up what alpha promises. Raises ValueError for what cannot be.
    """

    loss: Metric
    target: str
    hypothesis: Literal["superiority", "non_inferiority"] = "superiority"
    margin: float = 0.0
    alpha: float = 0.05
    min_rows: int = 100
    planned_rows: int | None = None
    min_label_coverage: float = 0.9
    max_evidence_age: timedelta = timedelta(days=8)
    heaviest_row: float = 0.1
    min_duration: timedelta = timedelta(days=1)
    max_duration: timedelta | None = timedelta(days=28)
    on_timeout: Literal["rollback", "manual"] = "rollback"

    def __post_init__(self) -> None:
        none = timedelta(0)
        wrong = {
            "margin must be 0 or more": not 0 <= self.margin < math.inf,
            # Above exp(-1/2) the interval would widen with more rows.
            "alpha must lie above 0 and be at most 0.5": not 0 < self.alpha <= 0.5,
            "min_rows must be at least 2": self.min_rows < 2,
            "planned_rows must be at least 1": self.planned_rows is not None
            and self.planned_rows < 1,
            "min_label_coverage must lie in 0 to 1": not 0 <= self.min_label_coverage <= 1,
            "max_evidence_age must be longer than 0": self.max_evidence_age <= none,
            "heaviest_row must lie above 0 and be at most 1": not 0 < self.heaviest_row <= 1,
            "min_duration must not be negative": self.min_duration < none,
            "max_duration must be longer than min_duration": self.max_duration is not None
            and self.max_duration <= self.min_duration,
        }
        for told, holds in wrong.items():
            if holds:
                raise ValueError(f"{told}; the rules are {self}")
