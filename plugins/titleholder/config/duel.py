"""The sections of a model's YAML file that say how a challenger is judged, and how it rises."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from titleholder.config.messages import FieldError
from titleholder.config.types import Column, Cron, Duration, Section, Template

Columns = list[Column]
_COLUMNS: TypeAdapter[Columns] = TypeAdapter(Columns)


class Duel(Section):
    """Champion against challenger on fresh labelled rows, and the rules (see analysis.rules) by
    which that is judged."""

    target: Column
    loss: Literal["absolute", "squared", "log_loss", "zero_one"]
    feature_columns: Columns = Field(default_factory=list)
    target_columns: Columns = Field(default_factory=list)
    label_delay: Duration = timedelta(days=1)
    schedule: Cron = "0 5 * * *"
    template: Template = "duel.yaml"
    timeout: Duration = timedelta(hours=6)
    hypothesis: Literal["superiority", "non_inferiority"] = "superiority"
    margin: float = Field(0.0, ge=0, allow_inf_nan=False)
    alpha: float = Field(0.05, gt=0, le=0.5)
    min_rows: int = Field(100, ge=2, le=10**12)
    planned_rows: int | None = Field(None, ge=1, le=10**12)
    min_label_coverage: float = Field(0.9, ge=0, le=1)
    max_evidence_age: Duration = timedelta(days=8)
    min_duration: Duration = timedelta(days=1)
    max_duration: Duration = timedelta(days=28)
    on_timeout: Literal["rollback", "manual"] = "rollback"

    @model_validator(mode="after")
    def _deadline_last(self) -> "Duel":
        if self.min_duration >= self.max_duration:
            raise FieldError("has a min_duration that is not shorter than max_duration; write one")
        return self


def resolve_columns(duel: Duel, parameters: Mapping[str, Any]) -> Duel:
    """The section with the columns that `pipeline.parameters` name where it names none itself.

    Raises FieldError where neither does, and for a target that is not among the columns.
    """
    found = {}
    for name in ("feature_columns", "target_columns"):
        try:
            found[name] = getattr(duel, name) or _COLUMNS.validate_python(parameters.get(name, []))
        except ValidationError:
            found[name] = []
        if not found[name]:
            raise FieldError(
                f"has no {name}, and pipeline.parameters has none that are columns; write {name}"
            )
    if duel.target not in found["target_columns"]:
        raise FieldError(
            f"has the target {duel.target!r}, which is no target column; write one of "
            f"{', '.join(found['target_columns'])}"[:200]
        )
    return duel.model_copy(update=found)


def shortest_period(cron: str) -> timedelta:
    """The shortest time between two fire times, of a hundred or of fifty years; a year where there
    is only one."""
    from croniter import croniter

    # It ends where croniter looks no further, fifty years ahead.
    fires = croniter(cron, datetime(2026, 1, 1, tzinfo=UTC)).all_next(datetime)
    times = list(itertools.islice(fires, 100))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    return min(gaps, default=timedelta(days=365))


def format_hours(span: timedelta) -> str:
    """The span for a person: `20 h`, `0.5 h`."""
    return f"{span / timedelta(hours=1):.3g} h"


def _step(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"share": value}
    if not isinstance(value, dict):
        raise ValueError("write a share such as 10, or {share: 10, bake: 2d}")
    return value


class Step(Section):
    """A share of the requests in per cent, and how long the challenger keeps it at least."""

    traffic_percentage: int = Field(ge=1, le=99)
    bake: Duration = timedelta(0)


class _StepSchema:
    """A step's schema, of both forms in which it may be written."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 99}, handler(schema)]}


StepInFile = Annotated[Step, BeforeValidator(_step), _StepSchema()]


def default_traffic_percentage(raw: Any) -> Any:
    """A section `rollout` with the share of its first step for `traffic_percentage`, where it has
    steps and no share; whatever is wrong with it is left as it is."""
    if not isinstance(raw, dict) or "traffic_percentage" in raw:
        return raw
    steps = raw.get("steps")
    first = steps[0] if isinstance(steps, list) and steps else None
    share = first.get("share") if isinstance(first, dict) else first
    if isinstance(share, int) and not isinstance(share, bool) and 1 <= share <= 99:
        return raw | {"traffic_percentage": share}
    return raw
