"""The section `rollout`: traffic steps, promotion and replacement of challengers."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from titleholder.config.guardrails import Guardrails
from titleholder.config.messages import FieldError
from titleholder.config.types import Duration, Section


class TrafficStep(Section):
    """A challenger's traffic percentage, and how long the challenger keeps it at least."""

    traffic_percentage: int = Field(
        ge=1, le=99, description="the challenger's part of the traffic in per cent"
    )
    bake: Duration = Field(
        timedelta(0), description="the shortest time for which the challenger keeps it"
    )


def _step(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"traffic_percentage": value}
    if not isinstance(value, dict | TrafficStep):
        raise ValueError("write a percentage such as 10, or {traffic_percentage: 10, bake: 2d}")
    return value


class _StepSchema:
    """The JSON Schema of both forms of a step."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 99}, handler(schema)]}


StepInFile = Annotated[TrafficStep, BeforeValidator(_step), _StepSchema()]


class Rollout(Section):
    """How a challenger is deployed, replaced and promoted.

    With the replacement `recreate` at most two models are deployed: the present challenger and a
    previous champion are undeployed before a new challenger is deployed. With `surge` they are
    undeployed after it, so that up to three models are deployed.
    """

    traffic_percentage: int = Field(
        10,
        ge=1,
        le=99,
        description="the challenger's part of the traffic in per cent; the champion keeps the rest",
    )
    steps: list[StepInFile] = Field(
        default_factory=list,
        description="rising traffic percentages, each a number or "
        "`{traffic_percentage: 10, bake: 2d}`: the challenger keeps it at least that long. The "
        "first is `traffic_percentage`, which may then be left out",
    )
    promotion: Literal["automatic", "approval", "manual"] = Field(
        "automatic",
        description="what follows from a verdict to promote: the next step or the promotion "
        "(`automatic`), the same with a person's approval of the promotion (`approval`), or only "
        "an event, a warning in the log and an alert (`manual`). A rollback is done in any case",
    )
    approval_timeout: Duration | None = Field(
        None,
        description="with `approval`: how long an approval is waited for; shorter than the time to "
        "the next evaluation. By default 5/6 of the period of `duel.schedule`, daily `20h`",
    )
    on_new_challenger: Literal["replace", "keep_current"] = Field(
        "replace",
        description="when a candidate finds a challenger: `replace` it, or `keep_current`: the "
        "candidate is only registered",
    )
    replacement: Literal["recreate", "surge"] = Field(
        "recreate",
        description="`recreate`: the old challenger is undeployed before the new one is deployed; "
        "`surge`: after it (docs/explanation/rollout.md)",
    )
    keep_previous_champion: bool = Field(
        True,
        description="after a promotion the previous champion stays deployed without traffic, so "
        "that the promotion can be undone in one write; it is billed",
    )
    guardrails: Guardrails | None = Field(
        None, description="limits on live traffic (docs/explanation/rollout.md); needs a `duel`"
    )

    @model_validator(mode="before")
    @classmethod
    def _percentage_of_the_first_step(cls, raw: Any) -> Any:
        # Errors of the steps are left to their own validation.
        if not isinstance(raw, dict) or "traffic_percentage" in raw:
            return raw
        steps = raw.get("steps")
        first = steps[0] if isinstance(steps, list) and steps else None
        first = first.get("traffic_percentage") if isinstance(first, dict) else first
        if isinstance(first, int) and not isinstance(first, bool) and 1 <= first <= 99:
            return raw | {"traffic_percentage": first}
        return raw

    @model_validator(mode="after")
    def _steps_rise(self) -> "Rollout":
        percentages = [step.traffic_percentage for step in self.steps]
        if percentages != sorted(set(percentages)):
            raise FieldError(
                f"has the steps {percentages}, which do not rise; write greater percentages later"
            )
        if percentages and percentages[0] != self.traffic_percentage:
            raise FieldError(
                f"has the traffic_percentage {self.traffic_percentage} and steps from "
                f"{percentages[0]}; write only the steps, or the same percentage first"
            )
        return self

    @property
    def traffic_steps(self) -> list[TrafficStep]:
        """The steps; without any, one of `traffic_percentage`."""
        return self.steps or [TrafficStep(traffic_percentage=self.traffic_percentage)]
