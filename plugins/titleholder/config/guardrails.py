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
    minimum_requests: int = Field(1000, ge=1, le=10**12)
    error_rate: float | None = Field(None, ge=0, le=1)
    error_rate_above_champion: float | None = Field(None, ge=0, le=1)
    latency_ms: float | None = Field(None, gt=0, allow_inf_nan=False)
    latency_times_champion: float | None = Field(None, ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Metrics":
        limits = (
            *(self.error_rate, self.error_rate_above_champion),
            *(self.latency_ms, self.latency_times_champion),
        )
        if all(limit is None for limit in limits):
            raise FieldError(
                "has no limit; write error_rate, error_rate_above_champion, latency_ms or "
                "latency_times_champion"
            )
        return self

    @property
    def limits(self) -> Limits:
        """As a rollout has them."""
        return Limits(
            minimum_requests=self.minimum_requests,
            error_rate=self.error_rate,
            error_rate_above_champion=self.error_rate_above_champion,
            latency=self.latency_ms,
            latency_times_champion=self.latency_times_champion,
        )


class Guardrails(Section):
    """What is looked at in live traffic before a verdict on a challenger is acted on."""

    split: bool = True
    metrics: Metrics | None = None
    max_bytes: int = Field(10 * 1024**3, ge=10 * 1024**2)

    @model_validator(mode="after")
    def _has_a_check(self) -> "Guardrails":
        if not self.split and self.metrics is None:
            raise FieldError("has nothing to look at; write metrics, or leave the section out")
        return self
