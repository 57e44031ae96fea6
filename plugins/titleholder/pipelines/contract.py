"""The pipeline contract, docs/reference/pipeline-contract.md, as code: parameters and outputs. No
I/O."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from titleholder.config.model import ModelConfig
from titleholder.config.pipeline import RUNTIME_PARAMETERS, RuntimeParameters
from titleholder.data_intervals import Interval
from titleholder.errors import PipelineError
from titleholder.labels import is_digest
from titleholder.pipelines.container import ContainerSpec, InvalidContainer, container_spec

EVALUATE, EXPORT_MODEL = "evaluate", "export-model"
CONTAINER, VERSION, DIGEST = "containerSpec", "framework_version", "sha256"


@dataclass(frozen=True)
class Artifact:
    """An output of a pipeline task."""

    uri: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """A pipeline task. `state` is that of Vertex AI: SUCCEEDED, RUNNING, NOT_TRIGGERED ...

    The job itself is the root of its tasks, and a group such as a condition is the parent of its
    own tasks: `parent` is the `id` of another task, 0 for the root. `job` is the resource name of
    the custom job that ran the task, "" without one.
    """

    name: str
    state: str
    error: str = ""
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    id: int = 0
    parent: int = 0
    job: str = ""


@dataclass(frozen=True)
class Job:
    """A pipeline job. `state` is that of Vertex AI: PENDING, RUNNING, SUCCEEDED, FAILED ..."""

    name: str
    state: str
    created: datetime
    error: str = ""
    tasks: tuple[Task, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class CandidateModel:
    """A model that passed the quality gate. `uri` is the artifact's folder, `container` serves the
    model, `digest` is the folder's SHA-256 (docs/reference/pipeline-contract.md) in hexadecimal."""

    uri: str
    container: ContainerSpec
    framework_version: str
    score: float
    digest: str

    def to_json(self) -> dict[str, Any]:
        """JSON for `from_json`, such as an XCom."""
        return {**vars(self), "container": self.container.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError and ValueError for another value than that of `to_json`."""
        return cls(**{**value, "container": container_spec(value["container"])})


def runtime_parameters(
    config: ModelConfig, project: str, location: str, table: str, interval: Interval
) -> dict[str, Any]:
    """The runtime parameters of one run: those of the contract, then those of the YAML file.

    Raises PipelineError when the file sets a parameter of the contract.
    """
    if taken := sorted(RUNTIME_PARAMETERS & config.pipeline.parameters.keys()):
        raise PipelineError(
            f"{config.model}.yaml: pipeline.parameters: sets {', '.join(taken)}, which every run "
            "gets by itself; remove it"
        )
    contract = RuntimeParameters(
        project=project,
        location=location,
        source_table=table,
        timestamp_column=config.source.timestamp,
        interval_start=f"{interval.start:%Y-%m-%dT%H:%M:%SZ}",
        interval_end=f"{interval.end:%Y-%m-%dT%H:%M:%SZ}",
        min_score=config.gate.min_score,
    )
    return asdict(contract) | config.pipeline.parameters


def candidate_model(job: Job, min_score: float, root: str) -> CandidateModel | None:
    """The model that a finished job exported; None when it scored below the quality gate.

    Raises PipelineError when the job breaks the contract: also by an export below the gate, by no
    export at or above it, and by a model outside of `root`.
    """
    score = evaluated_score(job)
    export = next((t for t in job.tasks if t.name == EXPORT_MODEL and t.state == "SUCCEEDED"), None)
    if export is None and score < min_score:
        return None
    if export is None:
        raise _broken(
            job,
            f"the score {score:.2f} reaches min_score {min_score:g}, but no task 'export-model' "
            "succeeded",
        )
    if score < min_score:
        raise _broken(
            job,
            f"'export-model' ran though the score {score:.2f} is below min_score {min_score:g}",
        )
    model = export.artifacts.get("model")
    if model is None or not model.uri.startswith("gs://"):
        raise _broken(
            job, "the task 'export-model' has no output artifact 'model' with a gs:// URI"
        )
    require_within_root(root, model.uri)
    missing = [key for key in (CONTAINER, VERSION, DIGEST) if key not in model.metadata]
    if missing:
        raise _broken(
            job, f"the artifact 'model' of 'export-model' lacks the metadata {', '.join(missing)}"
        )
    digest = str(model.metadata[DIGEST])
    if not is_digest(digest):
        raise _broken(
            job, f"the sha256 {digest!r} of 'export-model' is not 64 lower-case hexadecimal digits"
        )
    version = str(model.metadata[VERSION])
    try:
        container = container_spec(model.metadata[CONTAINER])
    except InvalidContainer as error:
        raise _broken(job, f"the {CONTAINER} of 'export-model': {error}") from None
    serves = re.search(r"/sklearn-[a-z]+\.(\d+)-(\d+)[:@]?", container.image_uri)
    if container.prebuilt and serves and version.split(".")[:2] != list(serves.groups()):
        raise _broken(
            job,
            f"the model was trained with scikit-learn {version} and {container.image_uri} serves "
            f"{'.'.join(serves.groups())}, which may not load it; make the two agree",
        )
    return CandidateModel(model.uri, container, version, score, digest)


def require_within_root(root: str, uri: str) -> None:
    """Raises PipelineError for an artifact outside of the folder of models: loading a model runs
    its code, so write access elsewhere must not be enough to have a model loaded."""
    if f"{uri.rstrip('/')}/".startswith(f"{root}/") and not {".", "..", ""} & {
        *uri.rstrip("/")[len("gs://") :].split("/")
    }:
        return
    raise PipelineError(
        f"the model {uri} is not under {root}, and models are taken from there only; have the "
        "pipeline write it to the path of its output, or set the environment's pipeline root"
    )


def evaluated_score(job: Job) -> float:
    """The metric `score` of the task `evaluate`; greater is better.

    Raises PipelineError when it is missing or not a finite number.
    """
    tasks = [task for task in job.tasks if task.name == EVALUATE]
    metrics = tasks[0].artifacts.get("metrics") if tasks else None
    score = metrics.metadata.get("score") if metrics else None
    if not isinstance(score, int | float) or not math.isfinite(score):
        raise _broken(
            job, f"the metric 'score' of the task 'evaluate' is {score!r} instead of a number"
        )
    return float(score)


# The metrics that are the mean of a loss on held-out rows; the target's name follows.
_LOSS_METRICS = {
    "absolute": "mae",
    "squared": "mse",
    "log_loss": "log_loss",
    "zero_one": "error_rate",
}


def held_out_loss(job: Job, loss: str, target: str) -> float | None:
    """The metric of the task `evaluate` with the mean `loss` (of `duel.loss`) of this target on
    held-out rows, such as `mae_chins`; None if the pipeline does not log it."""
    for task in job.tasks:
        metrics = task.artifacts.get("metrics") if task.name == EVALUATE else None
        found = metrics.metadata.get(f"{_LOSS_METRICS[loss]}_{target}") if metrics else None
        if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
            return float(found)
    return None


def _broken(job: Job, what: str) -> PipelineError:
    return PipelineError(
        f"{job.name} does not keep the pipeline contract: {what}; see "
        "docs/reference/pipeline-contract.md"
    )
