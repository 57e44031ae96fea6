import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from titleholder.config.loader import load_model
from titleholder.config.pipeline import RUNTIME_PARAMETERS
from titleholder.data_intervals import Interval
from titleholder.errors import PipelineError
from titleholder.naming import TrainingRun
from titleholder.operators.wait_for_job import failure, progress
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import (
    Artifact,
    CandidateModel,
    Job,
    Task,
    candidate_model,
    runtime_parameters,
)

ROOT = "gs://b"
NOW = datetime(2026, 11, 16, 3, tzinfo=UTC)
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
MODEL = {
    "containerSpec": {"imageUri": IMAGE},
    "framework_version": "1.6.1",
    "sha256": "ab" * 32,
}
CONFIG = load_model(Path(__file__).parents[3] / "dags" / "models" / "linnerud.yaml")


def job(
    *, score: object = 91.5, model: dict[str, object] | None = MODEL, uri: str = "gs://b/m"
) -> Job:
    evaluated = Task("evaluate", "SUCCEEDED", artifacts={"metrics": Artifact("", {"score": score})})
    artifacts = {} if model is None else {"model": Artifact(uri, model)}
    return Job(
        "job", "SUCCEEDED", NOW, tasks=(evaluated, Task("export-model", "SUCCEEDED", "", artifacts))
    )


def test_the_candidate_of_a_job() -> None:
    assert candidate_model(job(), 60, ROOT) == CandidateModel(
        "gs://b/m", ContainerSpec(image_uri=IMAGE), "1.6.1", 91.5, "ab" * 32
    )


def test_a_candidate_as_json() -> None:
    candidate = candidate_model(job(), 60, ROOT)
    assert candidate is not None
    stored = json.loads(json.dumps(candidate.to_json()))
    assert CandidateModel.from_json(stored) == candidate


def test_an_invalid_container_breaks_the_contract_in_one_sentence() -> None:
    ports = [{"containerPort": 0}]
    found = MODEL | {"containerSpec": {"imageUri": IMAGE, "ports": ports, "gpu": 1}}
    with pytest.raises(PipelineError) as caught:
        candidate_model(job(model=found), 60, ROOT)
    assert str(caught.value) == (
        "job does not keep the pipeline contract: the containerSpec of 'export-model': "
        "ports.0.containerPort: is 0; write 1 or more; gpu: is not a key; remove it or mend its "
        "spelling; see docs/reference/pipeline-contract.md"
    )


def test_a_container_for_dedicated_endpoints_only() -> None:
    week = Interval(datetime(2026, 11, 9, 3, tzinfo=UTC), NOW)
    run = TrainingRun("linnerud", week, 0)
    container = ContainerSpec(image_uri=IMAGE, invoke_route_prefix="/*")
    candidate = CandidateModel("gs://b/m", container, "1.6.1", 91.5, "ab" * 32)
    with pytest.raises(
        PipelineError, match=r"dedicated endpoint only, and linnerud\.yaml has a sh"
    ):
        deploy_candidate(CONFIG, run, candidate, "fresh")
    dedicated = CONFIG.endpoint.model_copy(update={"dedicated": True})
    config = CONFIG.model_copy(update={"endpoint": dedicated})
    version = deploy_candidate(config, run, candidate, "fresh").version
    assert version.container["invokeRoutePrefix"] == "/*"


def test_another_image_than_the_prebuilt_one_may_have_any_scikit_learn() -> None:
    own = {"imageUri": "us-docker.pkg.dev/p/r/sklearn-cpu.1-5:latest"}
    candidate = candidate_model(job(model=MODEL | {"containerSpec": own}), 60, ROOT)
    assert candidate is not None
    assert candidate.container.image_uri == own["imageUri"]


def test_a_candidate_without_a_digest() -> None:
    with pytest.raises(
        PipelineError, match=r"sha256 'ab' of 'export-model' is not 64 lower-case hexa"
    ):
        candidate_model(job(model=MODEL | {"sha256": "ab"}), 60, ROOT)


def test_no_candidate_below_the_gate() -> None:
    evaluated_job = job(score=59.99)
    assert candidate_model(replace(evaluated_job, tasks=evaluated_job.tasks[:1]), 60, ROOT) is None
    not_triggered = Task("export-model", "NOT_TRIGGERED")
    assert (
        candidate_model(
            replace(evaluated_job, tasks=(evaluated_job.tasks[0], not_triggered)), 60, ROOT
        )
        is None
    )


def test_a_gate_that_is_not_applied_breaks_the_contract() -> None:
    with pytest.raises(PipelineError, match=r"'export-model' ran though the score 59\.99 is below"):
        candidate_model(job(score=59.99), 60, ROOT)
    evaluated_job = job(score=60.0)
    renamed = replace(evaluated_job.tasks[1], name="offer-model")
    with pytest.raises(PipelineError, match="reaches min_score 60, but no task 'export-model'"):
        candidate_model(replace(evaluated_job, tasks=(evaluated_job.tasks[0], renamed)), 60, ROOT)


@pytest.mark.parametrize("score", [None, float("nan"), float("inf"), "91"])
def test_a_score_that_is_no_number(score: object) -> None:
    with pytest.raises(PipelineError, match="instead of a number"):
        candidate_model(job(score=score), 60, ROOT)


def test_a_broken_contract() -> None:
    with pytest.raises(PipelineError, match="lacks the metadata sha256"):
        candidate_model(job(model={k: v for k, v in MODEL.items() if k != "sha256"}), 60, ROOT)
    with pytest.raises(PipelineError, match="no output artifact 'model'"):
        candidate_model(job(model=None), 60, ROOT)
    with pytest.raises(PipelineError, match="gs:// URI"):
        candidate_model(job(uri="/tmp/model"), 60, ROOT)
    with pytest.raises(PipelineError, match=r"trained with scikit-learn 1\.5\.2.*serves 1\.6"):
        candidate_model(job(model={**MODEL, "framework_version": "1.5.2"}), 60, ROOT)


@pytest.mark.parametrize(
    ("root", "uri"),
    [
        ("gs://ours/pipelines", "gs://theirs/pipelines/m"),
        ("gs://ours/pipelines", "gs://ours/pipelines-2/m"),
        ("gs://ours/pipelines", "gs://ours/m"),
        ("gs://ours/pipelines", "gs://ours/pipelines/../m"),
        ("gs://ours/pipelines", "gs://ours/pipelines/./m"),
        ("gs://ours/pipelines", "gs://ours/pipelines//m"),
        ("gs://ours", "gs://ours.evil.example/m"),
        ("gs://ours", "gs://"),
    ],
)
def test_a_model_outside_of_the_pipeline_root_is_refused(root: str, uri: str) -> None:
    with pytest.raises(PipelineError, match=f"^the model {re.escape(uri)} is not under {root}, an"):
        candidate_model(job(uri=uri), 60, root)


def test_a_model_in_the_pipeline_root() -> None:
    for uri in ("gs://ours/pipelines/1/job/train/model", "gs://ours/pipelines/m/"):
        candidate = candidate_model(job(uri=uri), 60, "gs://ours/pipelines")
        assert candidate is not None
        assert candidate.uri == uri


def test_the_runtime_parameters() -> None:
    week = Interval(datetime(2026, 11, 9, 3, tzinfo=UTC), NOW)
    parameters = runtime_parameters(CONFIG, "p", "us-central1", "p.d.t", week)
    assert parameters["interval_start"] == "2026-11-09T03:00:00Z"
    assert parameters["interval_end"] == "2026-11-16T03:00:00Z"
    assert parameters["feature_columns"] == ["weight_kg", "waist_cm", "pulse_bpm"]
    assert parameters.keys() == RUNTIME_PARAMETERS | CONFIG.pipeline.parameters.keys()
    pipeline = CONFIG.pipeline.model_copy(update={"parameters": {"project": "x"}})
    with pytest.raises(PipelineError, match=r"pipeline\.parameters: sets project"):
        runtime_parameters(CONFIG.model_copy(update={"pipeline": pipeline}), "p", "l", "t", week)


def test_messages_about_a_job() -> None:
    tasks = (Task("create-dataset", "SUCCEEDED"), Task("train", "FAILED", "ValueError: no rows"))
    failed = Job("projects/p/j", "FAILED", NOW, "The DAG failed", tasks)
    assert progress(failed) == "done create-dataset; failed train"
    assert failure(failed, "no model") == "projects/p/j failed in task train: ValueError: no rows"
    tree = (
        Task("j", "FAILED", "The DAG failed", id=7),
        Task("group", "FAILED", "The DAG failed", id=8, parent=7),
        Task("train", "FAILED", "ValueError: no rows", id=9, parent=8),
    )
    assert failure(replace(failed, tasks=tree), "no model") == failure(failed, "no model")
    assert progress(replace(failed, tasks=tree)) == "failed group, train"
    cancelled = failure(replace(failed, state="CANCELLED"), "no evidence")
    assert cancelled.endswith("was cancelled, so there is no evidence")
