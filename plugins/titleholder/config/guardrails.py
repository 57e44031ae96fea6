"""The section `rollout.guardrails`: limits that live traffic must keep."""

from datetime import timedelta

from pydantic import Field, model_validator

from titleholder.config.messages import FieldError
from titleholder.config.types import Duration, Section, Table


class Metrics(Section):
    """Limits on the errors and the latency of each deployed model, read from a table."""

    table: Table = Field(
        description="a table or view with errors and latency of each deployed model, written as "
        "`source.table`; at least one of the four limits must be set"
    )
    window: Duration = Field(
        timedelta(days=1),
        description="only rows newer than this count, and none from before the challenger had its "
        "traffic percentage",
    )
    min_requests: int = Field(
        1000,
        ge=1,
        le=10**12,
        description="a model with fewer requests is not checked, and a challenger not promoted",
    )
    max_error_rate: float | None = Field(
        None, ge=0, le=1, description="the greatest part of a model's requests that may fail"
    )
    max_error_rate_increase: float | None = Field(
        None,
        ge=0,
        le=1,
        description="by how much a challenger's error rate may exceed the champion's: `0.005` is "
        "half a percentage point",
    )
    max_latency_ms: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="the greatest latency in milliseconds"
    )
    max_latency_ratio: float | None = Field(
        None,
        ge=1,
        allow_inf_nan=False,
        description="the greatest ratio of the challenger's latency to the champion's",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Metrics":
        if not (self.on_errors or self.on_latency):
            raise FieldError(
                "has no limit; write max_error_rate, max_error_rate_increase, max_latency_ms or "
                "max_latency_ratio"
            )
        return self

    @property
    def on_errors(self) -> bool:
        """Whether errors are limited."""
        return not (self.max_error_rate is None and self.max_error_rate_increase is None)

    @property
    def on_latency(self) -> bool:
        """Whether latency is limited."""
        return not (self.max_latency_ms is None and self.max_latency_ratio is None)

    @property
    def relative(self) -> bool:
        """Whether a limit is relative to the champion."""
        return not (self.max_error_rate_increase is None and self.max_latency_ratio is None)


class Guardrails(Section):
    """Checks of live traffic that hold or end a rollout and never promote."""

    traffic_split_check: bool = Field(
        True,
        description="the number of requests that each model received must fit its traffic "
        "percentage; needs the endpoint's request log in BigQuery",
    )
    metrics: Metrics | None = Field(None, description="limits on errors and latency")
    max_bytes: int = Field(
        10 * 1024**3,
        ge=10 * 1024**2,
        description="bytes that each query (one a table and day) may bill",
    )

    @model_validator(mode="after")
    def _has_a_check(self) -> "Guardrails":
        if not self.traffic_split_check and self.metrics is None:
            raise FieldError("has nothing to check; write metrics, or leave the section out")
        return self
