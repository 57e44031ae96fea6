"""A real Airflow with a sandbox, and models for the tables."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from google.cloud import bigquery
from google.cloud.aiplatform_v1 import PipelineServiceClient
from kfp import compiler

from tests.bench.measuring import REPOSITORY
from tests.bench.sandbox import Sandbox, running
from tests.dags.real_airflow.client import WEEK, Airflow
from tests.dags.tiny_pipeline import tiny


@dataclass(frozen=True)
class AirflowBench:
    """A running sandbox with Airflow; `dags` is the DAG folder."""

    sandbox: Sandbox
    airflow: Airflow
    dags: Path

    def model(self, name: str, weeks: int, **changes: Any) -> str:
        """Write a model of the tiny pipeline with data for that many past weeks, and start its
        weekly DAG, of which Airflow then makes the last week's run; returns the DAG's id."""
        table = f"{self.sandbox.project}.bench.{name}"
        if "source" not in changes:
            stamps = [WEEK.end - timedelta(weeks=n, minutes=5) for n in range(weeks)]
            with self.sandbox.bigquery() as client:
                load(client, table, stamps)
        raw = {
            "model": name,
            "owner": "bench",
            "schedule": "0 3 * * 1",
            "start_date": datetime(2026, 1, 5).date(),
            "source": {"table": f"bench.{name}", "timestamp": "measured_at"},
            "pipeline": {"template": "tiny.yaml"},
            "gate": {"min_score": 50},
            "endpoint": {"display_name": name, "create": True},
        }
        (self.dags / "models" / f"{name}.yaml").write_text(yaml.safe_dump(raw | changes))
        self.airflow.start(f"{name}__train")
        return f"{name}__train"

    def example(self, name: str) -> str:
        """As `model`, with the example's pipeline on the table `bench.measurements`."""
        example = yaml.safe_load((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
        source = {"table": "bench.measurements", "timestamp": "measured_at"}
        return self.model(name, 0, source=source, pipeline=example["pipeline"])

    def trigger(self, dag_id: str) -> str:
        """Start a run; its id."""
        body = {"logical_date": None, "conf": {}}
        return str(self.airflow.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def ended(self, dag_id: str, run_id: str, seconds: float = 900) -> dict[str, Any]:
        """Airflow's record of the run once it has succeeded; raises RuntimeError when it fails."""

        def poll() -> Any:
            run = self.airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
            return run if run["state"] in ("success", "failed") else None

        run = self.airflow.wait(f"the end of {dag_id} {run_id}", poll, seconds)
        if run["state"] == "failed":
            raise RuntimeError(f"{dag_id}: {self.airflow.failures(dag_id, run_id)}")
        return dict(run)

    def job_seconds(self, model: str) -> list[float]:
        """The duration of each pipeline job of the model in seconds, oldest first."""
        options = {"transport": "rest", **self.sandbox.options("VERTEX_AI")}
        place = self.sandbox.env["GOOGLE_CLOUD_LOCATION"]
        found = PipelineServiceClient(**options).list_pipeline_jobs(
            request={
                "parent": f"projects/{self.sandbox.project}/locations/{place}",
                "filter": f'labels.titleholder-model="{model}"',
            }
        )
        jobs = sorted((job.create_time, job.end_time) for job in found)
        return [(end - begin).total_seconds() for begin, end in jobs]


def seconds(run: dict[str, Any]) -> float:
    """The duration of a run or a task by Airflow's times."""
    begin, end = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - begin).total_seconds()


def load(client: bigquery.Client, table: str, stamps: list[datetime]) -> None:
    """A table with a row at each of these times."""
    client.create_dataset(table.rpartition(".")[0], exists_ok=True)
    schema = [bigquery.SchemaField("measured_at", "TIMESTAMP")]
    client.create_table(bigquery.Table(table, schema=schema), exists_ok=True)
    file = io.BytesIO()
    pq.write_table(pa.table({"measured_at": pa.array(stamps, pa.timestamp("us", "UTC"))}), file)
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
    client.load_table_from_file(file, table, rewind=True, job_config=config).result()


@contextmanager
def airflow_bench(
    home: Path, variables: dict[str, str] | None = None, **files: str
) -> Iterator[AirflowBench]:
    """Start a sandbox with Airflow in `home`, with these environment variables; `files` are more
    DAG files, by name and text."""
    dags, templates = home / "dags", home / "templates"
    (dags / "models").mkdir(parents=True)
    templates.mkdir()
    (dags / "titleholder_dags.py").write_text(
        (REPOSITORY / "dags" / "titleholder_dags.py").read_text()
    )
    for name, text in files.items():
        (dags / f"{name}.py").write_text(text)
    shutil.copy(REPOSITORY / "pipeline" / "compiled" / "linnerud.yaml", templates)
    compiler.Compiler().compile(tiny, str(templates / "tiny.yaml"))
    given = ("--airflow", "--dags", str(dags))
    known = {"TITLEHOLDER_TEMPLATE_DIR": str(templates), **(variables or {})}
    with running(home, *given, **known) as sandbox:
        yield AirflowBench(sandbox, Airflow(sandbox.airflow), dags)
