"""The sections `pipeline` and `gate`, and the parameters of every pipeline run."""

import json
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from titleholder.config.messages import FieldError
from titleholder.config.types import Duration, Section, Template, WithoutKeys


@dataclass(frozen=True)
class RuntimeParameters:
    """The parameters of every run of a training pipeline (docs/reference/pipeline-contract.md).

    Times are RFC 3339 in UTC, the table's name includes its project, and `min_score` is on the
    scale of the pipeline's score.
    """

    project: str
    location: str
    source_table: str
    timestamp_column: str
    interval_start: str
    interval_end: str
    min_score: float


RUNTIME_PARAMETERS = frozenset(field.name for field in fields(RuntimeParameters))


def _json(value: dict[str, Any]) -> dict[str, Any]:
    for name, parameter in value.items():
        try:
            json.dumps(parameter, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise FieldError(
                f"has a {name} that is not JSON; write {name} as a string, number, list or "
                "mapping, and quote a date"
            ) from None
    return value


Parameters = Annotated[
    dict[str, Any],
    WithoutKeys(RUNTIME_PARAMETERS, "which every run gets by itself; remove it"),
    AfterValidator(_json),
]


class Pipeline(Section):
    """The pipeline that trains the model."""

    template: Template = Field(
        description="the pipeline template: a file in `pipeline/compiled`, or a `gs://` URI"
    )
    parameters: Parameters = Field(
        default_factory=dict,
        description="parameters beside those of the contract "
        "(docs/reference/pipeline-contract.md), of which it may set none",
    )
    skip_unchanged: bool = Field(
        True,
        description="an interval on which a registered version was trained, with the same rows, "
        "template and parameters, is not trained again. `false` for a pipeline that reads more "
        "than the source's rows of the interval",
    )
    timeout: Duration = Field(
        timedelta(hours=6), description="a job older than this is cancelled and the run fails"
    )
    service_account: str | None = Field(
        None, description="the account that the pipeline and the duel run as"
    )


class Gate(Section):
    """The quality gate of the training pipeline."""

    min_score: float = Field(
        allow_inf_nan=False,
        description="the smallest score on held-out rows, given to the pipeline as `min_score`; "
        "below it nothing is registered and `update_traffic` is skipped",
    )
