"""The champion's loss on one day. No I/O."""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class DayLoss:
    """The champion's loss on the labelled rows of one complete UTC day.

    `n` units (rows, or clusters) have that mean `loss`, in the loss's unit, and that sample
    `variance` of it (divisor n - 1; 0 for one unit). Unchecked: see `is_valid`.
    """

    day: date
    n: float
    loss: float
    variance: float

    @property
    def is_valid(self) -> bool:
        """Whether some rows can have these numbers: n whole and positive, all of them finite, the
        variance not negative."""
        return (
            1 <= self.n < math.inf
            and self.n == math.floor(self.n)
            and abs(self.loss) < math.inf
            and 0 <= self.variance < math.inf
        )

    def to_json(self) -> dict[str, Any]:
        """The fields by name, the day as `YYYY-MM-DD`."""
        return {
            "day": self.day.isoformat(),
            "n": self.n,
            "loss": self.loss,
            "variance": self.variance,
        }


def day_loss_from_json(raw: object) -> DayLoss | None:
    """The day of `to_json`; None for anything else, or if it is not valid. Total."""
    if not isinstance(raw, dict):
        return None
    day, numbers = raw.get("day"), [_number(raw.get(key)) for key in ("n", "loss", "variance")]
    if not isinstance(day, str):
        return None
    try:
        found = DayLoss(date.fromisoformat(day), *numbers)
    except ValueError:
        return None
    # fromisoformat also reads other forms, such as 20261127.
    return found if found.is_valid and found.day.isoformat() == day else None


def _number(value: object) -> float:
    """NaN for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
