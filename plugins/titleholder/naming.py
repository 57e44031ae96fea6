"""The names of a training run: its pipeline job, model version and deployed model.

Names are derived from model, data interval and generation, never random: a retry, a second worker
or a backfill of the same week finds the resources of an earlier attempt.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from titleholder.data_intervals import Interval, last_complete, period_until
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.labels import format_label_time, parse_label_time

MAX_GENERATION = 99
# The parameter of a weekly run that trains on another span of time than the schedule's interval.
INTERVAL_END = "interval_end"

# Ten digits, the most that Vertex AI lets a caller choose, without a leading zero.
_FIRST_ID, _IDS = 1_000_000_000, 9_000_000_000


class Recency(NamedTuple):
    """How recent a model's data is: the end of its data interval (aware), then the generation of
    the run on that interval. Greater is more recent."""

    until: datetime
    generation: int


@dataclass(frozen=True)
class TrainingRun:
    """One training of one model on one data interval.

    `generation` counts the requests to train that interval again: 0 at first, one more each time
    the dag run is cleared, or an asset starts another one on the interval. A retry keeps it.
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
        """The primary id of the deployed model: ten digits, the most that Vertex AI accepts,
        unique for each interval end and generation of a model (within 85 years), and different for
        other models. It encodes neither order nor time."""
        return _deployed_model_ids(self.model, self.recency)[0]

    @property
    def recency(self) -> Recency:
        """How recent the training data is, to the minute as in `name`."""
        return Recency(self.interval.end.replace(second=0, microsecond=0), self.generation)

    def next_generation(self) -> "TrainingRun":
        """The next training run on the same interval."""
        if self.generation == MAX_GENERATION:
            raise ManualActionRequired(
                f"{self.model}: the interval {self.interval} has been trained "
                f"{MAX_GENERATION + 1} times already; delete its old pipeline jobs first"
            )
        return TrainingRun(self.model, self.interval, self.generation + 1)


def training_run_of(model: str, cron: str, context: Mapping[str, Any]) -> TrainingRun:
    """The training run of a task's context."""
    dag_run = context["dag_run"]
    generation = min(dag_run.clear_number or 0, MAX_GENERATION)
    return TrainingRun(model, interval_of(dag_run, cron), generation)


def interval_of(dag_run: Any, cron: str) -> Interval:
    """The data interval of a dag run: that of its parameter `interval_end`, else its own. A run
    that an asset started, and a manual one without a logical date, have none: they get the last
    complete one. Raises InvalidRequest for an `interval_end` that is no time, or later than the
    run."""
    if requested := (getattr(dag_run, "conf", None) or {}).get(INTERVAL_END):
        return period_until(cron, _requested_end(str(requested), dag_run.run_after))
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is None or end is None or start == end:
        return last_complete(cron, dag_run.run_after)
    return Interval(start.astimezone(UTC), end.astimezone(UTC))


def _requested_end(text: str, run_after: datetime) -> datetime:
    remedy = "trigger it again with a past time such as 2026-11-25T00:00:00Z"
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        end = datetime.min
    # Names have no seconds, and before 1970 a period may begin before there are years.
    if end.tzinfo is None or end.second or end.microsecond or end.year < 1970:
        raise InvalidRequest(
            f"the run's {INTERVAL_END} {text!r} is no time in UTC to the minute; {remedy}"
        )
    if end > run_after:
        raise InvalidRequest(f"the run's {INTERVAL_END} {text} is later than the run; {remedy}")
    return end


def training_interval_of(alias: str, model: str) -> Interval | None:
    """The data interval in the name of a training run of `model`; None for any other alias."""
    found = re.fullmatch(r"(.+)-([0-9]{8}t[0-9]{4})-([0-9]{8}t[0-9]{4})-g[0-9]{1,2}", alias)
    if found is None or found[1] != model:
        return None
    try:
        start, end = (
            datetime.strptime(text, "%Y%m%dt%H%M").replace(tzinfo=UTC)
            for text in found.groups()[1:]
        )
    except ValueError:
        return None
    return Interval(start, end) if start < end else None


@lru_cache(maxsize=10_000)
def recency_of(alias: str, model: str | None = None) -> Recency | None:
    """The recency in a training run's name; None for any other alias, and for a run of another
    model than `model`."""
    parsed = _parsed(alias)
    return parsed[1] if parsed is not None and model in (None, parsed[0]) else None


@lru_cache(maxsize=10_000)
def deployed_model_ids_of(alias: str) -> tuple[str, ...]:
    """The primary and the alternate deployed model id of a training run's name, so that its version
    can be deployed beside itself; empty for any other alias."""
    parsed = _parsed(alias)
    return _deployed_model_ids(*parsed) if parsed is not None else ()


def _parsed(alias: str) -> tuple[str, Recency] | None:
    match = re.fullmatch(r"(.+)-[0-9]{8}t[0-9]{4}-([0-9]{8}t[0-9]{4})-g([0-9]{1,2})", alias)
    if match is None:
        return None
    try:
        end = datetime.strptime(match[2], "%Y%m%dt%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return match[1], Recency(end, int(match[3]))


def _deployed_model_ids(model: str, recency: Recency) -> tuple[str, str]:
    minutes = int(recency.until.timestamp() // 60)
    offset = int(hashlib.sha256(model.encode()).hexdigest(), 16)
    first = (minutes * 100 + recency.generation) * 2 + offset
    return str(_FIRST_ID + first % _IDS), str(_FIRST_ID + (first + 1) % _IDS)


def label_recency(recency: Recency) -> str:
    """A recency as a label value: `20261116t030000z-g0`."""
    return f"{format_label_time(recency.until)}-g{recency.generation}"


def recency_of_label(value: str) -> Recency | None:
    """The recency that `label_recency` encoded; None for any other value."""
    match = re.fullmatch(r"(.+)-g([0-9]{1,2})", value)
    until = parse_label_time(match[1]) if match is not None else None
    return Recency(until, int(match[2])) if match is not None and until is not None else None
