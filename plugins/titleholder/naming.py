"""Who a run is: the one identity under which its job, model version and deployment are found.

Every name is derived, never drawn: a retry, a second worker or a backfill of the same week finds
what an earlier attempt made instead of making it again.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from titleholder.errors import ManualActionRequired
from titleholder.intervals import Interval, last_complete

MAX_GENERATION = 99

# Ten digits, the most that Vertex AI lets a caller choose, without a leading zero.
_FIRST_ID, _IDS = 1_000_000_000, 9_000_000_000


class Recency(NamedTuple):
    """How new a model's data is: the end of its data interval (aware), then the generation of the
    run on that interval. The greater one is the newer."""

    until: datetime
    generation: int


@dataclass(frozen=True)
class TrainingRun:
    """One training of one model on one data interval.

    `generation` counts the wishes to train that interval anew: 0 at first, one more each time the
    dag run is cleared. A plain retry keeps it.
    """

    model: str
    interval: Interval
    generation: int

    @property
    def name(self) -> str:
        """Pipeline job id and model version alias: `linnerud-20261109t0300-20261116t0300-g0`.

        Fits Vertex AI's rules for job ids `[a-z][a-z0-9-]{0,127}`, for aliases
        `[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]` and, as a model's name has at most 30 characters, for the
        values of labels (63).
        """
        span = f"{self.interval.start:%Y%m%dt%H%M}-{self.interval.end:%Y%m%dt%H%M}"
        return f"{self.model}-{span}-g{self.generation}"

    @property
    def deployed_model_id(self) -> str:
        """Ten digits, the most that Vertex AI lets a caller choose: another one for each interval's
        end and generation of a model (for 171 years), and other ones for another model. It tells
        neither order nor time."""
        return _deployed_model_id(self.model, self.recency)

    @property
    def recency(self) -> Recency:
        """How new the data is that it trains on, to the minute, as its name says it."""
        return Recency(self.interval.end.replace(second=0, microsecond=0), self.generation)

    def next_generation(self) -> "TrainingRun":
        """The same interval, trained once more."""
        if self.generation == MAX_GENERATION:
            raise ManualActionRequired(
                f"{self.model}: the interval {self.interval} has been trained "
                f"{MAX_GENERATION + 1} times already; delete its old pipeline jobs first"
            )
        return TrainingRun(self.model, self.interval, self.generation + 1)


def training_run_of(model: str, cron: str, context: Mapping[str, Any]) -> TrainingRun:
    """The run that a task's context belongs to.

    A manual run without a logical date has no data interval: it gets the last complete one.
    """
    dag_run = context["dag_run"]
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is None or end is None or start == end:
        interval = last_complete(cron, dag_run.run_after)
    else:
        interval = Interval(start.astimezone(UTC), end.astimezone(UTC))
    return TrainingRun(model, interval, min(dag_run.clear_number or 0, MAX_GENERATION))


@lru_cache(maxsize=10_000)
def recency_of(alias: str, model: str | None = None) -> Recency | None:
    """How new the data of a run is, by the run's name; None for any other alias, and for a run of
    another model than `model`."""
    found = _parsed(alias)
    return found[1] if found is not None and model in (None, found[0]) else None


@lru_cache(maxsize=10_000)
def deployed_model_id_of(alias: str) -> str | None:
    """The deployed model id that belongs to a run's name; None for any other alias."""
    found = _parsed(alias)
    return _deployed_model_id(*found) if found is not None else None


def _parsed(alias: str) -> tuple[str, Recency] | None:
    match = re.fullmatch(r"(.+)-[0-9]{8}t[0-9]{4}-([0-9]{8}t[0-9]{4})-g([0-9]{1,2})", alias)
    if match is None:
        return None
    try:
        end = datetime.strptime(match[2], "%Y%m%dt%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return match[1], Recency(end, int(match[3]))


def _deployed_model_id(model: str, recency: Recency) -> str:
    minutes = int(recency.until.timestamp() // 60)
    offset = int(hashlib.sha256(model.encode()).hexdigest(), 16)
    return str(_FIRST_ID + (minutes * 100 + recency.generation + offset) % _IDS)
