"""The section of a model's YAML file that says what live traffic must show of a challenger."""

from datetime import timedelta

from pydantic import Field, model_validator

from titleholder.analysis.limits import Limits
from titleholder.config.messages import FieldError
from titleholder.config.types import Duration, Section, Table


class Metrics(Section):
    """Errors and latency of each deployed model, in a table or view, and the limits on them (see
    analysis.limits)."""

    table: Table
    window: Duration = timedelta(days=1)
    min_requests: int = Field(1000, ge=1, le=10**12)
    max_error_rate: float | None = Field(None, ge=0, le=1)
    max_error_rate_increase: float | None = Field(None, ge=0, le=1)
    max_latency_ms: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_latency_ratio: float | None = Field(None, ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Metrics":
        limits = (
            *(self.max_error_rate, self.max_error_rate_increase),
            *(self.max_latency_ms, self.max_latency_ratio),
        )
        if all(limit is None for limit in limits):
            raise FieldError(
                "has no limit; write max_error_rate, max_error_rate_increase, max_latency_ms or "
                "max_latency_ratio"
            )
        return self

    @property
    def limits(self) -> Limits:
        """As a rollout has them."""
        return Limits(
            min_requests=self.min_requests,
            max_error_rate=self.max_error_rate,
            max_error_rate_increase=self.max_error_rate_increase,
            max_latency_ms=self.max_latency_ms,
            max_latency_ratio=self.max_latency_ratio,
        )


class Guardrails(Section):
    """What is looked at in live traffic before a verdict on a challenger is acted on."""

    traffic_split_check: bool = True
    metrics: Metrics | None = None
    max_bytes: int = Field(10 * 1024**3, ge=10 * 1024**2)

    @model_validator(mode="after")
    def _has_a_check(self) -> "Guardrails":
        if not self.traffic_split_check and self.metrics is None:
            raise FieldError("has nothing to look at; write metrics, or leave the section out")
        return self
