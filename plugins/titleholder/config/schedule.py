"""The section `schedule`: the data intervals, and what starts a run."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from titleholder.config.messages import FieldError
from titleholder.config.types import (
    CRON_PATTERN,
    WRITE_A_CRON,
    AssetName,
    Cron,
    Section,
    checked_cron,
)


class Schedule(Section):
    """When a model is trained, and on which data interval.

    `cron` cuts time into data intervals. By time, each interval has a run at its end. By assets, a
    run covers the last interval that had ended when the assets had all been updated.
    """

    cron: Cron = Field(
        description="five cron fields in UTC: each run covers an interval between two fire times. "
        "Without `assets` it starts at the interval's end"
    )
    assets: list[AssetName] = Field(
        default_factory=list,
        description="names or URIs of Airflow assets: a run starts when each of them has been "
        "updated since the last such run, and covers the last interval that has ended",
    )
    or_time: bool = Field(
        False, description="with `assets`: whether a run starts at the end of each interval, too"
    )

    @model_validator(mode="after")
    def _something_starts_runs(self) -> "Schedule":
        if self.or_time and not self.assets:
            raise FieldError(
                "has or_time and no assets, without which each run starts by time; write assets, "
                "or leave or_time out"
            )
        return self

    @property
    def by_time(self) -> bool:
        """Whether each interval has a run at its end."""
        return self.or_time or not self.assets

    def __str__(self) -> str:
        cron = f"{self.cron} (UTC)"
        if not self.assets:
            return cron
        verb = "is" if len(self.assets) == 1 else "are"
        updated = f"when {' and '.join(self.assets)} {verb} updated"
        return f"{updated}, or at {cron}" if self.or_time else f"{updated}, intervals of {cron}"


def _schedule(value: Any) -> Any:
    if isinstance(value, str):
        return {"cron": checked_cron(value)}
    if not isinstance(value, dict | Schedule):
        raise ValueError(f"{WRITE_A_CRON}, or {{cron: '0 3 * * 1', assets: [orders]}}")
    return value


class _ScheduleSchema:
    """The JSON Schema of both forms."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        # Each keyword concerns one of the types only.
        return {**handler(schema), "type": ["string", "object"], "pattern": f"^(?:{CRON_PATTERN})$"}


ScheduleInFile = Annotated[Schedule, BeforeValidator(_schedule), _ScheduleSchema()]
