"""The section `duel`: the comparison of champion and challenger, and the rules of the verdict."""

import itertools
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from titleholder.config.messages import FieldError, truncated_repr
from titleholder.config.types import Column, Cron, Duration, Section, Template

Columns = list[Column]
_COLUMNS: TypeAdapter[Columns] = TypeAdapter(Columns)


class Duel(Section):
    """The comparison of champion and challenger on labelled rows, and its rules.

    Differences are the champion's loss minus the challenger's, on the same row, in the loss's unit.
    Changing a rule while a challenger is evaluated voids the guarantee of `alpha`.
    """

    target: Column = Field(description="the target column whose loss decides")
    loss: Literal["absolute", "squared", "log_loss", "zero_one"] = Field(
        description="the loss of one prediction"
    )
    feature_columns: Columns = Field(
        default_factory=list,
        description="numeric columns in the order in which the models were trained on them; by "
        "default those of `pipeline.parameters`",
    )
    target_columns: Columns = Field(
        default_factory=list,
        description="columns with the labels in the order of a prediction's values; by default "
        "those of `pipeline.parameters`",
    )
    cluster_column: Column | None = Field(
        None,
        description="rows with the same value of this column, such as a customer, count as one: "
        "their differences are averaged first. By default each row counts",
    )
    max_rows_per_day: int | None = Field(
        None,
        ge=2,
        le=10**12,
        description="the most rows of a UTC day that are scored, a sample that is the same for "
        "both models and in every duel; by default all rows",
    )
    label_delay: Duration = Field(
        timedelta(days=1),
        description="rows younger than this at the end of the run's interval are not used: their "
        "labels may be incomplete",
    )
    schedule: Cron = Field(
        "0 5 * * *", description="five cron fields in UTC: when the challenger is evaluated"
    )
    template: Template = Field(
        "duel.yaml", description="the pipeline template of the comparison (docs/reference/duel.md)"
    )
    timeout: Duration = Field(
        timedelta(hours=6), description="a job older than this is cancelled and the run fails"
    )
    hypothesis: Literal["superiority", "non_inferiority"] = Field(
        "superiority",
        description="what a promotion requires: the whole interval above 0 (`superiority`), or "
        "above `-margin` (`non_inferiority`)",
    )
    margin: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="in the loss's unit; a challenger whose whole interval is below `-margin` is "
        "rolled back",
    )
    design: Literal["group_sequential", "confidence_sequence"] | None = Field(
        None,
        description="how the verdicts of one challenger share `alpha`: `group_sequential`, for a "
        "rollout that ends, or `confidence_sequence`, which holds for ever and finds less. By "
        "default the first, and the second without an end (docs/explanation/verdict.md)",
    )
    alpha: float = Field(
        0.05,
        gt=0,
        le=0.25,  # twice that, both sides together, is where the interval would soon widen
        description="the probability, over all looks together, that a challenger is promoted which "
        "is not better (or worse by more than `margin` with `non_inferiority`); one-sided",
    )
    rollback_alpha: float = Field(
        0.05,
        gt=0,
        le=0.25,
        description="the probability, over all looks together, that a challenger is rolled back as "
        "worse which is not worse by more than `margin`; one-sided",
    )
    futility: bool = Field(
        False,
        description="whether a challenger is rolled back early that can hardly be promoted any "
        "more, with `group_sequential`; it costs a few promotions (docs/explanation/verdict.md)",
    )
    min_rows: int = Field(
        100,
        ge=2,
        le=10**12,
        description="fewer rows decide nothing; with `cluster_column`: fewer clusters",
    )
    planned_rows: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="with `confidence_sequence`: the number of rows near which the interval is "
        "narrowest, where a decision is expected; by default `min_rows`",
    )
    min_label_coverage: float = Field(
        0.9, ge=0, le=1, description="the least part of the rows that must have labels, 0 to 1"
    )
    max_evidence_age: Duration = Field(
        timedelta(days=8), description="evidence whose newest row is older promotes nothing"
    )
    min_duration: Duration = Field(
        timedelta(days=1),
        description="how long a challenger must have had its traffic percentage to be promoted",
    )
    max_duration: Duration | None = Field(
        timedelta(days=28),
        description="after this time at one traffic percentage without a decision, `on_timeout` "
        "applies; `null` for never",
    )
    on_timeout: Literal["rollback", "manual"] = Field(
        "rollback", description="roll back, or leave it to a person, with a warning"
    )

    @model_validator(mode="after")
    def _min_below_max(self) -> "Duel":
        if self.max_duration is not None and self.min_duration >= self.max_duration:
            raise FieldError("has a min_duration that is not shorter than max_duration; write one")
        return self

    @model_validator(mode="after")
    def _min_rows_within_sample(self) -> "Duel":
        if self.max_duration is None:
            return self
        # A span of whole days touches one day more.
        days = math.ceil(self.max_duration / timedelta(days=1)) + 1
        if self.max_rows_per_day and self.max_rows_per_day * days < self.min_rows:
            raise FieldError(
                f"has a max_rows_per_day of {self.max_rows_per_day}, which is "
                f"{self.max_rows_per_day * days} rows in max_duration, fewer than min_rows "
                f"{self.min_rows}; write at least {math.ceil(self.min_rows / days)}"
            )
        return self


def resolve_columns(duel: Duel, parameters: Mapping[str, Any]) -> Duel:
    """The section, with the columns of `pipeline.parameters` as defaults.

    Raises FieldError if neither has columns or the parameter is none, for a target that is not
    among them, and for a cluster column that is.
    """
    found = {
        name: getattr(duel, name) or _parameter_columns(name, parameters.get(name))
        for name in ("feature_columns", "target_columns")
    }
    if duel.target not in found["target_columns"]:
        raise FieldError(
            f"has the target {duel.target!r}, which is no target column; write one of "
            f"{', '.join(found['target_columns'])}"[:200]
        )
    if duel.cluster_column in found["target_columns"]:
        raise FieldError(
            f"has the cluster_column {duel.cluster_column!r}, which is a target column; write the "
            "column of what has several rows, such as a customer"
        )
    return duel.model_copy(update=found)


def _parameter_columns(name: str, value: Any) -> Columns:
    if not value:
        raise FieldError(f"has no {name}, and pipeline.parameters has none; write {name}")
    try:
        return _COLUMNS.validate_python(value)
    except ValidationError:
        raise FieldError(
            f"is {truncated_repr(value)}, and the duel takes its columns from it; write a list of "
            f"columns, such as [a, b], or write duel.{name}, too",
            f"pipeline.parameters.{name}",
        ) from None


def shortest_period(cron: str) -> timedelta:
    """The shortest time between two of the next 100 fire times; a year if there is only one."""
    from croniter import croniter

    # Fewer than 100 if they are rare: croniter searches fifty years.
    fires = croniter(cron, datetime(2026, 1, 1, tzinfo=UTC)).all_next(datetime)
    times = list(itertools.islice(fires, 100))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    return min(gaps, default=timedelta(days=365))


def format_hours(span: timedelta) -> str:
    """A time span in hours: `20 h`, `0.5 h`."""
    return f"{span / timedelta(hours=1):.3g} h"


def format_days(span: timedelta) -> str:
    """A time span in days: `28 d`, `0.5 d`."""
    return f"{span / timedelta(days=1):.3g} d"


def format_loss(loss: str) -> str:
    """The name of a loss in a sentence: `absolute loss`, `log loss`, `zero-one loss`."""
    return f"{loss.replace('zero_one', 'zero-one').removesuffix('_loss')} loss"
