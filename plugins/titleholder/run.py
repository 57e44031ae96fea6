"""Who a run is: the one identity under which its job, model version and deployment are found.

Every name is derived, never drawn: a retry, a second worker or a backfill of the same week finds
what an earlier attempt made instead of making it again.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from titleholder.errors import Refusal
from titleholder.interval import Interval, last_complete

MAX_GENERATION = 99

# Of a registered version: what a duel must know of it.
DATA_UNTIL_LABEL, DIGEST_LABEL = "data-interval-end", "sha256"


@dataclass(frozen=True)
class Run:
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
        """Ten digits, all that Vertex AI lets a caller choose: the minute (since 1970) at which the
        interval ends, then the generation. Greater means newer data."""
        return _deployed_id(self.interval.end, self.generation)

    def next_generation(self) -> "Run":
        """The same interval, trained once more."""
        if self.generation == MAX_GENERATION:
            raise Refusal(
                f"{self.model}: the interval {self.interval} has been trained "
                f"{MAX_GENERATION + 1} times already; delete its old pipeline jobs first"
            )
        return Run(self.model, self.interval, self.generation + 1)


def run_of(model: str, cron: str, context: Mapping[str, Any]) -> Run:
    """The run that a task's context belongs to.

    A manual run without a logical date has no data interval: it gets the last complete one.
    """
    dag_run = context["dag_run"]
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is None or end is None or start == end:
        interval = last_complete(cron, dag_run.run_after)
    else:
        interval = Interval(start.astimezone(UTC), end.astimezone(UTC))
    return Run(model, interval, min(dag_run.clear_number or 0, MAX_GENERATION))


def data_until(deployed_model_id: str) -> datetime | None:
    """The end of the interval that a deployed model of ours was trained on; None if not ours."""
    if not re.fullmatch(r"\d{10}", deployed_model_id):
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(minutes=int(deployed_model_id[:8]))


@lru_cache(maxsize=10_000)
def deployed_id_of(alias: str) -> str | None:
    """The deployed model id that belongs to a run's name; None for any other alias."""
    match = re.fullmatch(r".+-\d{8}t\d{4}-(\d{8}t\d{4})-g(\d{1,2})", alias)
    if match is None:
        return None
    try:
        end = datetime.strptime(match[1], "%Y%m%dt%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return _deployed_id(end, int(match[2]))


def _deployed_id(end: datetime, generation: int) -> str:
    return f"{int(end.timestamp() // 60):08d}{generation:02d}"


def run_label(dag_id: str, run_id: str) -> str:
    """A label value (at most 63 of `[a-z0-9_-]`) that finds the jobs of one dag run."""
    return hashlib.sha256(f"{dag_id}/{run_id}".encode()).hexdigest()[:32]


def label_time(moment: datetime) -> str:
    """A moment in the characters that a label value may have: `20261116t030000z`."""
    return f"{moment.astimezone(UTC):%Y%m%dt%H%M%Sz}"


def time_of_label(value: str) -> datetime | None:
    """The moment, in UTC, that `label_time` wrote so; None for anything else."""
    try:
        return datetime.strptime(value, "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
    except ValueError:
        return None
