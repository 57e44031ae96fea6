"""The sections of a model's YAML file."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from titleholder.config.duel import Duel, format_hours, resolve_columns, shortest_period
from titleholder.config.endpoint import Endpoint
from titleholder.config.messages import FieldError
from titleholder.config.pipeline import Gate, Pipeline
from titleholder.config.rollout import Rollout
from titleholder.config.schedule import ScheduleInFile
from titleholder.config.types import (
    Column,
    ConnectionId,
    Date,
    Duration,
    Email,
    Labels,
    ModelName,
    Section,
    Table,
)
from titleholder.config.watch import Watch, require_watchable


class Freshness(Section):
    """When the source covers the interval of a run."""

    warn_after: Duration = Field(
        timedelta(hours=6),
        description="how far the newest row may lie before the interval's end; further, the run "
        "goes on with a warning",
    )
    error_after: Duration = Field(timedelta(hours=24), description="further than this is stale")
    timeout: Duration = Field(
        timedelta(hours=12),
        description="how long after the interval's end a stale source is waited for",
    )
    poke_interval: Duration = Field(
        timedelta(minutes=10), description="the time between two checks of a stale source"
    )
    min_rows: int = Field(1, ge=1, description="fewer rows in the interval are stale, too")
    max_bytes: int = Field(
        10 * 1024**3,
        ge=10 * 1024**2,
        description="bytes that the one query may bill; BigQuery refuses it otherwise",
    )

    @model_validator(mode="after")
    def _warn_before_error(self) -> "Freshness":
        if self.warn_after > self.error_after:
            raise FieldError(
                "warn_after is longer than error_after; write one that is not longer than "
                "error_after"
            )
        return self


class Source(Section):
    """The BigQuery table that the model is trained on."""

    table: Table = Field(
        description="`dataset.table` in the connection's project, or `project.dataset.table`; "
        "`bq://` may precede it"
    )
    timestamp: Column = Field(
        description="the TIMESTAMP column that says to which interval a row belongs. Partition the "
        "table by it"
    )
    freshness: Freshness = Field(Freshness(), description="when the source is fresh enough")


class Alerts(Section):
    """Where alerts are sent."""

    connection: ConnectionId = Field(
        "titleholder_alerts",
        description="the Airflow connection whose password is the URL of a webhook; it may be "
        "missing (docs/how-to/alerts.md)",
    )
    email: list[Email] = Field(
        default_factory=list, description="addresses for e-mail by Airflow's own backend"
    )
    notify_on_backfill: bool = Field(
        False, description="whether alerts of a backfill go further than the log"
    )
    late_after: Duration | None = Field(
        None,
        description="a run is late when it takes this much longer than the last ones on average; "
        "without it, never (docs/how-to/alerts.md)",
    )


class ModelConfig(Section):
    """One model: one YAML file in dags/models."""

    model: ModelName = Field(
        description="the file's name: `[a-z][a-z0-9-]*`, 2 to 30 characters. It names the DAGs "
        "`<model>__train` and `<model>__rollout` and the model in the registry"
    )
    extends: ModelName | None = Field(
        None, description="another model's file, whose values apply for the keys left out here"
    )
    description: str = Field("", description="shown in Airflow")
    owner: str = Field(min_length=1, max_length=100, description="the DAG's owner")
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, description="more tags of the DAG"
    )
    labels: Labels = Field(
        default_factory=dict,
        description="labels of endpoint, pipeline jobs and model versions, without keys that "
        "Titleholder writes itself, such as `champion` or `score`",
    )
    schedule: ScheduleInFile = Field(
        description="when the model is trained: `cron` alone, as text, or its keys "
        "(docs/how-to/assets.md)"
    )
    start_date: Date = Field(description="no interval before it is scheduled by time")
    connection: str = Field(
        "google_cloud_default",
        description="the Airflow connection: credentials, impersonation, project, region, bucket",
    )
    source: Source = Field(description="the table that the model is trained on")
    pipeline: Pipeline = Field(description="the pipeline that trains the model")
    gate: Gate = Field(description="the quality gate")
    endpoint: Endpoint = Field(description="the endpoint that serves the model")
    rollout: Rollout = Field(Rollout(), description="a challenger's way to promotion")
    duel: Duel | None = Field(
        None,
        validate_default=True,
        description="the comparison of champion and challenger. With this section "
        "`<model>__rollout` runs on `duel.schedule` and evaluates the challenger "
        "(docs/explanation/rollout.md, docs/explanation/verdict.md), without it only on request",
    )
    watch: Watch | None = Field(
        None,
        description="how the champion is watched for decay and data drift, by `<model>__rollout` "
        "(docs/explanation/watching.md); needs a `duel`. Without it, it is not",
    )
    events_table: Table = Field(
        "titleholder.events",
        description="the BigQuery table of events (docs/reference/events.md); created in the "
        "region if it is missing",
    )
    alerts: Alerts = Field(Alerts(), description="where alerts are sent")

    @field_validator("duel")
    @classmethod
    def _check_duel(cls, duel: Duel | None, info: ValidationInfo) -> Duel | None:
        # A section that is missing in info.data has its own errors.
        pipeline, rollout = info.data.get("pipeline"), info.data.get("rollout")
        if rollout is not None:
            _require_duel(rollout, duel)
        return resolve_columns(duel, pipeline.parameters) if duel and pipeline else duel

    @field_validator("watch")
    @classmethod
    def _check_watch(cls, watch: Watch | None, info: ValidationInfo) -> Watch | None:
        rollout, schedule = info.data.get("rollout"), info.data.get("schedule")
        # A section that is missing in info.data has its own errors.
        if watch is not None and rollout and schedule and "duel" in info.data:
            require_watchable(watch, info.data["duel"], rollout, schedule)
        return watch

    @property
    def trains_on_schedule(self) -> bool:
        """Whether each interval has a run of the weekly DAG at its end."""
        return self.schedule.by_time and (self.watch is None or self.watch.on_schedule)

    @property
    def approval_timeout(self) -> timedelta:
        """How long an approval of a promotion is waited for; by default 5/6 of the time between
        duels."""
        period = shortest_period(self.duel.schedule) if self.duel else timedelta(days=1)
        return self.rollout.approval_timeout or period * 5 / 6

    @property
    def start(self) -> datetime:
        """Midnight UTC of `start_date`."""
        return datetime(
            self.start_date.year, self.start_date.month, self.start_date.day, tzinfo=UTC
        )


def _require_duel(rollout: Rollout, duel: Duel | None) -> None:
    """Raise FieldError if the rollout needs a duel, or a longer time between duels."""
    if duel is None:
        if rollout.promotion == "approval" or rollout.guardrails:
            key = "guardrails" if rollout.guardrails else "promotion: approval"
            raise FieldError(
                f"is missing, and without it nothing is evaluated, so that rollout.{key} has no "
                "effect; add it, or leave that out"
            )
        return
    no_end = duel.max_duration is None and rollout.on_new_challenger == "keep_current"
    if no_end and duel.design == "group_sequential":
        raise FieldError(
            "has the design group_sequential, for a rollout that ends, and neither max_duration "
            "nor rollout.on_new_challenger: replace, which end it; write one of them, or the "
            "design confidence_sequence"
        )
    timeout = rollout.approval_timeout
    if timeout is not None and timeout >= (period := shortest_period(duel.schedule)):
        raise FieldError(
            f"has a schedule with {format_hours(period)} between two runs, and "
            f"rollout.approval_timeout is {format_hours(timeout)}; write a shorter "
            "approval_timeout, so that one approval ends before the next is asked for"
        )
