"""Parameters and result of a watch job, as docs/reference/watch-job.md defines them. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any

from titleholder.analysis.duel_job import (
    COMPARE,
    SCORE,
    DuelJob,
    duel_images,
    duel_parameters,
    duel_result,
    next_generation,
    row_parameters,
)
from titleholder.analysis.model_pair import ModelPair
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.config.duel import Duel
from titleholder.config.model import ModelConfig
from titleholder.config.watch import Watch
from titleholder.errors import PipelineError
from titleholder.pipelines.container import is_prebuilt
from titleholder.pipelines.contract import Job

MEASURE, COMPARE_DISTRIBUTIONS = "measure", "compare-distributions"


@dataclass(frozen=True)
class WatchJob:
    """One measurement of a deployed champion, at the time `at`. `generation` is increased when the
    job has to be started again."""

    model: str
    champion: str
    at: datetime
    generation: int = 0

    @property
    def name(self) -> str:
        """The pipeline job's id, at most 90 of `[a-z0-9-]`."""
        when = f"{self.at.astimezone(UTC):%Y%m%dt%H%M}"
        return f"{self.model}-watch-{self.champion}-{when}-g{self.generation}"

    def next_generation(self) -> "WatchJob":
        """The same measurement with the next generation."""
        return replace(self, generation=next_generation(self.name, self.generation))


def window_start(watch: Watch, duel: Duel, at: datetime) -> datetime:
    """Midnight UTC, `watch.window` before the day of the newest labels at `at`."""
    newest = (at - duel.label_delay).astimezone(UTC)
    return datetime.combine(newest.date(), time(), UTC) - watch.window


def watch_parameters(
    config: ModelConfig,
    duel: Duel,
    watch: Watch,
    places: Mapping[str, str],
    champion: WatchedChampion,
    at: datetime,
) -> dict[str, Any]:
    """The runtime parameters of a watch job. `places` has `project`, `location`, `source_table`,
    `artifact_root` and `request_log` (`project.dataset.table`, "" for none)."""
    model, drift = champion.model, watch.drift
    # Without the start of the training data there is nothing to compare with.
    compared = drift is not None and champion.data_interval_start != ""
    columns = (drift.columns or duel.feature_columns) if drift is not None and compared else []
    parameters: dict[str, Any] = {
        **row_parameters(config, duel, places, at),
        "champion_uri": model.uri,
        "champion_sha256": model.sha256,
        "champion_data_interval_start": champion.data_interval_start or model.data_interval_end,
        "champion_data_interval_end": model.data_interval_end,
        "window_start": _text(window_start(watch, duel, at)),
        "drift_columns": columns,
        # Without labels: the newest rows count, too.
        "drift_until": _text(at),
        "endpoint": champion.endpoint.rpartition("/")[2],
        "deployed_model_id": model.id,
        "reference_start": _text(datetime.fromisoformat(champion.deployed)),
    }
    if drift is None:
        parameters["request_log"] = ""
    else:
        parameters["drift_rows"] = drift.rows
    return parameters


def watch_images(champion: WatchedChampion) -> dict[str, str]:
    """The image of the task that scores the champion, as in `duel_images`."""
    image = champion.model.image
    return {SCORE.format(role="champion"): image} if image and not is_prebuilt(image) else {}


@dataclass(frozen=True)
class Comparison:
    """The duel of champion and previous champion that replaces the watch job: its identity,
    parameters and images."""

    job: DuelJob
    parameters: dict[str, Any]
    images: dict[str, str]


def comparison(
    config: ModelConfig,
    duel: Duel,
    watch: Watch,
    places: Mapping[str, str],
    champion: WatchedChampion,
    at: datetime,
) -> Comparison | None:
    """The duel in which the previous champion is the challenger, on the rows of the window; None
    unless `watch.on_decay` asks for it and a previous champion is deployed."""
    previous = champion.previous
    if watch.on_decay != "undo_promotion" or previous is None:
        return None
    start = max(window_start(watch, duel, at), _time(previous.data_interval_end))
    pair = ModelPair(champion.model, replace(previous, data_interval_end=_text(start)))
    own = {name: value for name, value in places.items() if name != "request_log"}
    return Comparison(
        DuelJob(config.model, champion.model.id, previous.id, at),
        duel_parameters(config, duel, own, pair, at),
        duel_images(pair),
    )


@dataclass(frozen=True)
class WatchResult:
    """The evidence of a finished job: that of a duel if `is_comparison`, else that of a watch job;
    the report of data drift, None if the job has none; and the URI of a page, "" for none."""

    evidence: dict[str, Any]
    is_comparison: bool
    data_drift: Any = None
    report: str = ""


def watch_result(job: Job) -> WatchResult:
    """The result of a finished watch job, or of the duel that replaces it. Raises PipelineError for
    a job without evidence."""
    tasks = {task.name: task for task in job.tasks}
    if COMPARE in tasks:
        evidence, report = duel_result(job)
        return WatchResult(evidence, True, report=report)
    found, drift = (
        [artifact for artifact in tasks[name].artifacts.values() if key in artifact.metadata]
        if name in tasks
        else []
        for name, key in ((MEASURE, "evidence"), (COMPARE_DISTRIBUTIONS, "data_drift"))
    )
    if not found or not isinstance(found[0].metadata["evidence"], dict):
        raise PipelineError(
            f"{job.name} is no watch job: its task 'measure' has no artifact with the metadata "
            "'evidence'; see docs/reference/watch-job.md"
        )
    return WatchResult(
        dict(found[0].metadata["evidence"]),
        False,
        drift[0].metadata["data_drift"] if drift else None,
    )


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
