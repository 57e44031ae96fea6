"""Watch jobs in tests: in the sandbox's Vertex AI, and step by step in this process."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from google.cloud.aiplatform_v1 import PipelineState
from google.protobuf import json_format
from kfp import dsl

from pipeline.compile import COMPILED
from tests.pipeline.duel_steps import run_step
from tests.pipeline.duels import END, START, Duels, ended_job

SPEC = yaml.safe_load((COMPILED / "watch.yaml").read_text())
STEPS = ("read-rows", "score-champion", "measure", "compare-distributions")
REPORTS = {"measure": "evidence", "compare-distributions": "data_drift"}


@dataclass(frozen=True)
class Watched:
    """The result of a watch job: its state, the steps that failed, the first one's error, and the
    metadata of the two reports and their content."""

    state: str
    failed: list[str]
    error: str
    evidence: dict[str, Any]
    drift: dict[str, Any]
    files: dict[str, Any]


def watch_parameters(duels: Duels, table: str, **changes: Any) -> dict[str, Any]:
    """The parameters of a watch job on `duels.rows`, whose first day is the training window; those
    of the model are in `changes`."""
    return {
        "project": duels.project,
        "location": "us-central1",
        "source_table": table,
        "timestamp_column": "at",
        "feature_columns": ["x", "z"],
        "target_columns": ["y"],
        "primary_target": "y",
        "loss": "absolute",
        "champion_data_interval_start": (START - timedelta(days=1)).isoformat(),
        "champion_data_interval_end": START.isoformat(),
        "window_start": "2026-02-01T00:00:00Z",
        "labels_until": END.isoformat(),
        "artifact_root": duels.root,
        "drift_columns": ["x", "z"],
    } | changes


def watch_result(duels: Duels, job: str) -> Watched:
    """The result of a job, after its end."""
    found = ended_job(duels.vertex(), job)
    tasks = {task.task_name: task for task in found.job_detail.task_details}
    failed = [name for name in STEPS if name in tasks and tasks[name].state.name == "FAILED"]
    error = tasks[failed[0]].error.message if failed else ""
    state = PipelineState(found.state).name.removeprefix("PIPELINE_STATE_")
    metadata: dict[str, Any] = {}
    files: dict[str, Any] = {}
    for name, key in REPORTS.items():
        if name in tasks and "report" in tasks[name].outputs:
            artifact = tasks[name].outputs["report"].artifacts[0]
            about = json_format.MessageToDict(type(artifact).pb(artifact))["metadata"]
            metadata[key] = about[key]
            blob = duels.bucket().blob(artifact.uri.split("/", 3)[3])
            files[key] = json.loads(blob.download_as_bytes())
    drift = metadata.get("data_drift", {})
    return Watched(state, failed, error, metadata.get("evidence", {}), drift, files)


def run_watch(given: dict[str, Any], folder: Path) -> Watched:
    """The result of a watch job with these parameters, whose steps run in this process; artifacts
    are files in `folder`."""
    declared = SPEC["root"]["inputDefinitions"]["parameters"]
    given = {n: d["defaultValue"] for n, d in declared.items() if "defaultValue" in d} | given
    rows, champion = (dsl.Dataset(uri=str(folder / name)) for name in ("rows", "champion"))
    reports = {name: dsl.Artifact(uri=str(folder / name)) for name in REPORTS}
    step = "read-rows"
    try:
        run_step(SPEC, step, given, rows=rows)
        # As Vertex AI stores metadata.
        rows.metadata = json.loads(json.dumps(rows.metadata), parse_int=float)
        step = "score-champion"
        about = {"role": "champion", "uri": given["champion_uri"]}
        about["sha256"] = given["champion_sha256"]
        run_step(SPEC, "score", given | about, rows=rows, predictions=champion)
        step = "measure"
        run_step(SPEC, step, given, rows=rows, champion=champion, report=reports[step])
        step = "compare-distributions"
        run_step(SPEC, step, given, report=reports[step])
    except ValueError as error:
        return Watched("FAILED", [step], str(error), {}, {}, {})
    files = {key: json.loads(Path(reports[name].path).read_text()) for name, key in REPORTS.items()}
    metadata = {key: reports[name].metadata[key] for name, key in REPORTS.items()}
    return Watched("SUCCEEDED", [], "", metadata["evidence"], metadata["data_drift"], files)
