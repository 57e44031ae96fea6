"""Parameters and result of a duel job, as docs/reference/duel.md defines them. No I/O."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from titleholder.analysis.evidence import Evidence
from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.analysis.trailing_windows import DifferenceStats
from titleholder.config.duel import Duel
from titleholder.config.model import ModelConfig
from titleholder.errors import ManualActionRequired, PipelineError
from titleholder.naming import MAX_GENERATION
from titleholder.pipelines.container import is_prebuilt
from titleholder.pipelines.contract import Job

COMPARE = "compare"
SCORE = "score-{role}"


@dataclass(frozen=True)
class DuelJob:
    """One duel of two deployed models, at the time `at`. `generation` is increased when the job has
    to be started again."""

    model: str
    champion: str
    challenger: str
    at: datetime
    generation: int = 0

    @property
    def name(self) -> str:
        """The pipeline job's id, at most 90 of `[a-z0-9-]`, derived from the pair and the time."""
        when = f"{self.at.astimezone(UTC):%Y%m%dt%H%M}"
        return f"{self.model}-duel-{self.champion}-{self.challenger}-{when}-g{self.generation}"

    def next_generation(self) -> "DuelJob":
        """The same duel with the next generation."""
        return replace(self, generation=next_generation(self.name, self.generation))


def next_generation(name: str, generation: int) -> int:
    """The generation after that of the job `name`; raises ManualActionRequired after too many."""
    if generation == MAX_GENERATION:
        raise ManualActionRequired(
            f"{name} was the last of {MAX_GENERATION + 1} attempts; delete old pipeline jobs"
        )
    return generation + 1


def duel_parameters(
    config: ModelConfig,
    duel: Duel,
    environment: Mapping[str, str],
    pair: ModelPair,
    at: datetime,
) -> dict[str, Any]:
    """The runtime parameters of a duel on the rows that were labelled at `at`. `environment` has
    `project`, `location`, `source_table` and `artifact_root`."""
    parameters = row_parameters(config, duel, environment, at)
    for role, model in (("champion", pair.champion), ("challenger", pair.challenger)):
        parameters[f"{role}_uri"] = model.uri
        parameters[f"{role}_sha256"] = model.sha256
        parameters[f"{role}_data_interval_end"] = model.data_interval_end
    return parameters


def row_parameters(
    config: ModelConfig, duel: Duel, environment: Mapping[str, str], at: datetime
) -> dict[str, Any]:
    """The parameters that say which rows are read and what their loss is, with `environment`: those
    that a duel and a watch job have in common."""
    parameters: dict[str, Any] = {
        **environment,
        "timestamp_column": config.source.timestamp,
        "feature_columns": duel.feature_columns,
        "target_columns": duel.target_columns,
        "primary_target": duel.target,
        "loss": duel.loss,
        "labels_until": f"{(at - duel.label_delay).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if duel.cluster_column:
        parameters["cluster_column"] = duel.cluster_column
    if duel.max_rows_per_day:
        parameters["max_rows_per_day"] = duel.max_rows_per_day
    return parameters


def duel_images(pair: ModelPair) -> dict[str, str]:
    """The image of each task that scores a model: the one that serves its version, and so has the
    packages that it was trained with. A prebuilt container has no code that scores: the models of
    such a version are scored in the image of the duel's template."""
    return {
        SCORE.format(role=role): model.image
        for role, model in (("champion", pair.champion), ("challenger", pair.challenger))
        if model.image and not is_prebuilt(model.image)
    }


def duel_result(job: Job) -> tuple[dict[str, Any], str]:
    """The evidence of a finished job, from the metadata of its report, and the report's URI. Raises
    PipelineError for a job without them."""
    for task in job.tasks:
        report = task.artifacts.get("report") if task.name == COMPARE else None
        if report is not None and isinstance(report.metadata.get("evidence"), dict):
            return report.metadata["evidence"], report.uri
    raise PipelineError(
        f"{job.name} is no duel: its task 'compare' has no artifact 'report' with the metadata "
        "'evidence'; see docs/reference/duel.md"
    )


def parse_evidence(raw: Mapping[str, Any], pair: ModelPair, at: datetime) -> Evidence:
    """Evidence from the metadata of a duel's report, measured at `at`. Total: a number that is
    missing or invalid is NaN, and a model with another digest gets another id."""
    return Evidence(
        champion=_model_id(raw, "champion", pair.champion),
        challenger=_model_id(raw, "challenger", pair.challenger),
        loss=str(raw.get("loss")),
        target=str(raw.get("primary_target")),
        cluster_column=str(raw.get("cluster_column") or ""),
        n=_agreed(raw, "n"),
        rows_compared=_agreed(raw, "rows_compared"),
        mean=number_in(raw, "mean"),
        variance=number_in(raw, "variance"),
        skewness=number_in(raw, "skewness"),
        smallest=number_in(raw, "smallest"),
        largest=number_in(raw, "largest"),
        coverage=number_in(raw, "coverage"),
        champion_rows=number_in(raw, "champion_rows"),
        challenger_rows=number_in(raw, "challenger_rows"),
        rows=number_in(raw, "rows"),
        rows_labelled=_agreed(raw, "rows_labelled"),
        rows_skipped=number_in(raw, "rows_skipped"),
        champion_invalid_predictions=number_in(raw, "champion_invalid_predictions"),
        challenger_invalid_predictions=number_in(raw, "challenger_invalid_predictions"),
        newest=_time(raw.get("last_row")),
        measured=at,
        days=_days(raw.get("days")),
    )


def _model_id(raw: Mapping[str, Any], role: str, expected: RegisteredModel) -> str:
    found = raw.get(role)
    if isinstance(found, dict) and found.get("sha256") == expected.sha256:
        return expected.id
    return "another model"


def number_in(raw: Mapping[str, Any], name: str) -> float:
    """The number of that name; NaN if it is missing or none."""
    value = raw.get(name)
    with suppress(OverflowError):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return math.nan


def _agreed(raw: Mapping[str, Any], name: str) -> float:
    """A number that the evidence has twice; NaN if the entry of the primary target in `targets` has
    another value."""
    targets, target = raw.get("targets"), raw.get("primary_target")
    entry = targets.get(target) if isinstance(targets, dict) and isinstance(target, str) else None
    value = number_in(raw, name)
    if isinstance(entry, dict) and name in entry and number_in(entry, name) != value:
        return math.nan
    return value


def _days(value: object) -> tuple[DifferenceStats, ...]:
    """The days in their order; empty if a day has no date, or the dates do not rise."""
    found = value if isinstance(value, list) and all(isinstance(d, dict) for d in value) else []
    dates = [_time(day.get("day")) for day in found]
    known = [date for date in dates if date is not None]
    if len(known) < len(found) or known != sorted(set(known)):
        return ()
    return tuple(
        # The variance of a single row is unknown and has no weight.
        DifferenceStats(n, number_in(day, "mean"), 0.0 if n == 1 else number_in(day, "variance"))
        for day, n in ((day, number_in(day, "n")) for day in found)
    )


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
