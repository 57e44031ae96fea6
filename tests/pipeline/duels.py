"""Inputs of duels in tests: tables, models in the sandbox's Cloud Storage, submitted jobs."""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.cloud.aiplatform_v1 import PipelineJob, PipelineServiceClient, PipelineState
from google.protobuf import json_format

from model_server.artifact import artifact_digest
from pipeline.compile import COMPILED
from tests.conftest import Sandbox

ANONYMOUS = AnonymousCredentials()
START, END = datetime(2026, 3, 2, 3, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
STEPS = ("read-rows", "score-champion", "score-challenger", "compare")
TYPES = {"int64": "INT64", "double": "FLOAT64", "string": "STRING", "bool": "BOOL"}
TYPES["decimal128(38, 9)"] = "NUMERIC"


def rows(count: int, labelled: float = 0.9) -> pa.Table:
    """`count` rows from a day before START to two days after END.

    A fraction `labelled` has y = 3x - z + noise; w = x for all, and kind is "high" where y > 20.
    One in a hundred rows has no z.
    """
    rng = np.random.default_rng(7)
    x, z = rng.normal(10, 2, (2, count))
    y = 3 * x - z + rng.normal(0, 1, count)
    unlabelled = rng.random(count) >= labelled
    begin, span = START - timedelta(days=1), END - START + timedelta(days=3)
    at = [begin + span * n / count for n in range(count)]
    return pa.table(
        {
            "y": pa.array(y, mask=unlabelled),
            "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "z": pa.array(z, mask=rng.random(count) < 0.01),
            "kind": pa.array(np.where(y > 20, "high", "low"), mask=unlabelled),
            "w": x,
            "x": x,
        }
    )


def ended_job(client: PipelineServiceClient, name: str) -> PipelineJob:
    """The job, after its end."""
    for _ in range(3000):  # a bound for a job that hangs, far above the time of a slow machine
        found = client.get_pipeline_job(name=name)
        if found.end_time:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"{name} has not ended")


@dataclass(frozen=True)
class Submitted:
    """The result of a job: its state, the names of the steps that failed, the first one's error,
    and outputs and report of the step `compare`."""

    state: str
    failed: list[str]
    error: str
    outputs: dict[str, Any]
    report: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Duels:
    """Submits duels in a sandbox and waits for them."""

    sandbox: Sandbox

    @property
    def project(self) -> str:
        """The sandbox's project."""
        return self.sandbox.env["GOOGLE_CLOUD_PROJECT"]

    @property
    def root(self) -> str:
        """The folder of the models."""
        return f"gs://{self.project}-titleholder/duel-tests"

    def _options(self, service: str) -> dict[str, Any]:
        endpoint = self.sandbox.env[f"{service}_EMULATOR_HOST"]
        return {"client_options": {"api_endpoint": endpoint}, "credentials": ANONYMOUS}

    @contextmanager
    def variables(self) -> Iterator[None]:
        """Within it, steps in this process use the sandbox."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.sandbox.env.items():
                patch.setenv(name, value)
            yield

    def put_table(self, table: pa.Table) -> str:
        """Create a table of these rows; returns its `project.dataset.table`."""
        name = f"{self.project}.duel_tests.t{time.monotonic_ns()}"
        schema = [
            bigquery.SchemaField(column.name, TYPES.get(str(column.type), "TIMESTAMP"))
            for column in table.schema
        ]
        parquet = io.BytesIO()
        pq.write_table(table, parquet)
        config = bigquery.LoadJobConfig(source_format="PARQUET")
        with bigquery.Client(self.project, **self._options("BIGQUERY")) as client:
            client.create_dataset(f"{self.project}.duel_tests", exists_ok=True)
            client.create_table(bigquery.Table(name, schema))
            client.load_table_from_file(parquet, name, rewind=True, job_config=config).result()
        return name

    def bucket(self) -> storage.Bucket:
        """The sandbox's bucket."""
        client = storage.Client(self.project, **self._options("STORAGE"))
        return client.bucket(f"{self.project}-titleholder")

    def put_model(self, name: str, model: Any, role: str = "champion") -> dict[str, str]:
        """Store a model as `model.joblib`; returns the parameters that name it in that role."""
        file = io.BytesIO()
        joblib.dump(model, file)
        return self.put_artifact(name, {"model.joblib": file.getvalue()}, role)

    def put_artifact(
        self, name: str, files: Mapping[str, bytes], role: str = "champion"
    ) -> dict[str, str]:
        """Store an artifact of these files; returns the parameters that name it in that role."""
        with TemporaryDirectory() as folder:
            for path, content in files.items():
                self.bucket().blob(f"duel-tests/{name}/{path}").upload_from_string(content)
                Path(folder, path).write_bytes(content)
            digest = artifact_digest(Path(folder))
        return {f"{role}_uri": f"{self.root}/{name}", f"{role}_sha256": digest}

    def parameters(self, table: str, **changes: Any) -> dict[str, Any]:
        """The parameters of a duel, except `location` and those of the models."""
        return {
            "project": self.project,
            "source_table": table,
            "timestamp_column": "at",
            "feature_columns": ["x", "z"],
            "target_columns": ["y"],
            "primary_target": "y",
            "loss": "absolute",
            "champion_data_interval_end": "2026-02-23T03:00:00Z",
            "challenger_data_interval_end": START.isoformat(),
            "labels_until": END.isoformat(),
            "artifact_root": self.root,
        } | changes

    def submit(self, name: str, table: str, **changes: Any) -> str:
        """Start a job; returns its resource name."""
        values = self.parameters(table, **changes) | {"location": "us-central1"}
        return self.start("duel.yaml", name, values)

    def start(self, template: str, name: str, values: dict[str, Any]) -> str:
        """Start a job of a compiled pipeline with these parameters; returns its resource name."""
        spec = yaml.safe_load((COMPILED / template).read_text())
        runtime = {"gcsOutputDirectory": f"{self.root}/runs", "parameterValues": values}
        job = PipelineJob()
        json_format.ParseDict({"pipelineSpec": spec, "runtimeConfig": runtime}, job._pb)
        created = self.vertex().create_pipeline_job(
            parent=f"projects/{self.project}/locations/us-central1",
            pipeline_job=job,
            pipeline_job_id=f"duel-tests-{name}",
        )
        return str(created.name)

    def result(self, job: str) -> Submitted:
        """The result of a job, after its end."""
        found = ended_job(self.vertex(), job)
        tasks = {task.task_name: task for task in found.job_detail.task_details}
        failed = [name for name in STEPS if name in tasks and tasks[name].state.name == "FAILED"]
        error = tasks[failed[0]].error.message if failed else ""
        state = PipelineState(found.state).name.removeprefix("PIPELINE_STATE_")
        task = tasks.get("compare")
        if task is None or "report" not in task.outputs:
            return Submitted(state, failed, error, {}, "", {})
        execution = json_format.MessageToDict(type(task.execution).pb(task.execution))
        outputs = {
            name.removeprefix("output:"): value
            for name, value in execution["metadata"].items()
            if name.startswith("output:")
        }
        artifact = task.outputs["report"].artifacts[0]
        metadata = json_format.MessageToDict(type(artifact).pb(artifact))["metadata"]
        path = artifact.uri.split("/", 3)[3]
        report = self.bucket().blob(path).download_as_bytes().decode()
        return Submitted(state, failed, error, outputs, report, metadata)

    def vertex(self) -> PipelineServiceClient:
        """Google's client of the sandbox's pipeline jobs."""
        return PipelineServiceClient(transport="rest", **self._options("VERTEX_AI"))
