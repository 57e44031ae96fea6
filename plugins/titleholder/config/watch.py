"""The section `watch`: how the champion is watched for decay and data drift, and what follows."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from titleholder.config.duel import Duel
from titleholder.config.messages import FieldError
from titleholder.config.rollout import Rollout
from titleholder.config.schedule import Schedule
from titleholder.config.types import (
    Column,
    DriftColumn,
    Duration,
    Section,
    Template,
    format_duration,
)
from titleholder.data_intervals import next_fire

# Three days of each weekday: two estimate its mean, the third the spread.
WEEKLY_REFERENCE_DAYS = 21

Cause = Literal["schedule", "decay", "drift"]
PopulationStabilityIndex = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DataDrift(Section):
    """The comparison of the newest rows with those that the champion was trained on, column by
    column, and of its newest predictions with its first ones where the endpoint logs requests."""

    columns: list[Column] = Field(
        default_factory=list,
        description="numbers, strings or booleans of the source that are compared; by default the "
        "feature columns of the duel",
    )
    max_psi: PopulationStabilityIndex | None = Field(
        None,
        description="the population stability index above which a column has drifted, such as 0.2; "
        "without it, and without a limit of its own, a column is only reported",
    )
    limits: dict[DriftColumn, PopulationStabilityIndex] = Field(
        default_factory=dict,
        description="the limit of a column, instead of `max_psi`; `prediction.<target>` is that of "
        "the predictions of a target",
    )
    rows: int = Field(
        20_000,
        ge=100,
        le=1_000_000,
        description="the most rows of each of the two spans of time that are compared, a sample "
        "that depends on the rows only",
    )

    @property
    def has_limit(self) -> bool:
        """Whether any column can exceed a limit."""
        return self.max_psi is not None or bool(self.limits)


class Watch(Section):
    """How the champion is watched, every day, with and without a challenger.

    The loss of each complete UTC day is compared with the first days after training, the
    reference.
    """

    window: Duration = Field(
        timedelta(days=7),
        description="how many days before the newest label each run scores, in whole days; a day "
        "is counted once, in the first run in which it has enough labels, and never once a newer "
        "day has been. Longer than any outage of the source or of Airflow, so that no day is "
        "missed, and at least the time between two runs of `duel.schedule`",
    )
    min_rows: int = Field(
        50,
        ge=2,
        le=10**12,
        description="a day with fewer labelled rows is not counted; with `duel.cluster_column`: "
        "fewer clusters",
    )
    reference_days: int = Field(
        14,
        ge=7,
        le=366,
        description="how many counted days are the reference: those of the duel in which the model "
        "won, then the first ones as champion",
    )
    season: Literal["none", "weekly"] = Field(
        "none",
        description="`weekly`: each weekday has a reference of its own "
        "(docs/explanation/watching.md says when that is right); needs "
        f"{WEEKLY_REFERENCE_DAYS} reference_days",
    )
    days_per_false_alarm: int = Field(
        731,
        ge=30,
        le=36_600,
        description="the mean number of days, at least, until a champion that does not decay is "
        "reported as decayed; 731 are two years",
    )
    min_increase: float = Field(
        0.05,
        ge=0,
        allow_inf_nan=False,
        description="a loss that has grown by a smaller part of the reference is no decay, however "
        "certain: 0.05 are 5 %",
    )
    drift: DataDrift | None = Field(
        None,
        description="data drift of the source's columns and of the predictions, by the watch job; "
        "not while a decayed champion is compared with the previous one (`on_decay`), as a duel is "
        "run instead",
    )
    retrain_on: list[Cause] = Field(
        ["schedule"],
        description="what starts a training: the `schedule`; `decay` of the champion; `drift` "
        "above a limit. The last two start `<model>__train` early, on the newest span of time as "
        "long as a data interval. Without `schedule` nothing else but a person or a backfill does",
    )
    retrain_cooldown: Duration | None = Field(
        None,
        description="no early training sooner than this after the last one; by default the time "
        "between two runs of the schedule",
    )
    on_decay: Literal["alert", "undo_promotion"] = Field(
        "alert",
        description="`undo_promotion`: once decay has been found, a previous champion that is "
        "still deployed is scored beside the champion every day, and becomes champion again if it "
        "is better on the days after",
    )
    template: Template = Field(
        "watch.yaml",
        description="the pipeline template of the watch job (docs/reference/watch-job.md)",
    )
    timeout: Duration = Field(
        timedelta(hours=6), description="a job older than this is cancelled and the run fails"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Watch":
        if self.window % timedelta(days=1) or self.window < timedelta(days=2):
            raise FieldError("has a window that is no number of whole days, at least 2; write 7d")
        if not self.retrain_on:
            raise FieldError("has an empty retrain_on; write [schedule]")
        if self.season == "weekly" and self.reference_days < WEEKLY_REFERENCE_DAYS:
            raise FieldError(
                f"has the season weekly and {self.reference_days} reference_days, too few for a "
                f"reference of each weekday; write at least {WEEKLY_REFERENCE_DAYS}"
            )
        if "drift" in self.retrain_on and not (self.drift and self.drift.has_limit):
            raise FieldError(
                "has drift in retrain_on and no limit of data drift, without which nothing drifts; "
                "write drift.max_psi or drift.limits"
            )
        return self

    @property
    def retrains_early(self) -> bool:
        """Whether anything but the schedule starts a training."""
        return bool({"decay", "drift"} & set(self.retrain_on))

    @property
    def on_schedule(self) -> bool:
        """Whether the schedule starts trainings."""
        return "schedule" in self.retrain_on


def require_watchable(
    watch: Watch, duel: Duel | None, rollout: Rollout, schedule: Schedule
) -> None:
    """Raise FieldError for what the other sections of the file exclude."""
    if duel is None:
        raise FieldError(
            "needs a section duel, which says what the loss and the labels are; add it, or write "
            "watch: null"
        )
    longest = _longest_period(duel.schedule)
    if longest > watch.window:
        days = f"{-(-longest // timedelta(days=1))}d"
        raise FieldError(
            f"has a window of {format_duration(watch.window)}, and duel.schedule runs up to "
            f"{longest.days} days apart, so that days between are never counted; write at least "
            f"{days}"
        )
    if watch.on_decay == "undo_promotion" and not rollout.keep_previous_champion:
        raise FieldError(
            "has on_decay: undo_promotion, and with rollout.keep_previous_champion: false there is "
            "no previous champion to return to; write one of them differently"
        )
    if watch.drift is not None:
        _require_limits_apply(watch.drift, duel)
    if not watch.on_schedule and schedule.assets:
        raise FieldError(
            "has a retrain_on without schedule, though schedule.assets start trainings; add "
            "schedule, or leave the assets out"
        )


def _require_limits_apply(drift: DataDrift, duel: Duel) -> None:
    """Raise FieldError for a limit of a column that is not compared: it would never be exceeded."""
    predictions = [f"prediction.{target}" for target in duel.target_columns]
    compared = [*(drift.columns or duel.feature_columns), *predictions]
    for name in drift.limits:
        if name not in compared:
            raise FieldError(
                f"has a limit of {name!r} in drift.limits, which is not compared; write one of "
                f"{', '.join(compared)}"[:300]
            )


@lru_cache
def _longest_period(cron: str) -> timedelta:
    """The longest time between two of a dozen fire times of `cron`, among them a weekend, or months
    of 31 days."""
    fires = [datetime(2026, 1, 1, tzinfo=UTC)]
    for _ in range(12):
        fires.append(next_fire(cron, fires[-1]))
    return max(after - before for before, after in pairwise(fires[1:]))
