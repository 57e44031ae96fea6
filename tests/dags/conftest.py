"""DAG runs by Airflow's own `dag.test()`, in this process, against the sandbox."""

import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from google.cloud import bigquery
from google.protobuf.field_mask_pb2 import FieldMask
from kfp import compiler

from sandbox.replay.clock import SandboxClock
from sandbox.services import airflow as sandbox_airflow
from sandbox.state import Home
from tests.conftest import AIRFLOW_HOME, CONSTANT, DAGS_FOLDER, REPOSITORY, Sandbox
from tests.dags.tiny_duel import tiny_duel
from tests.dags.tiny_pipeline import tiny
from tests.dags.tiny_watch import tiny_watch
from tests.sink import Sink, sink
from tests.titleholder.config.editor import schema_errors
from tests.waiting import until
from titleholder.config.loader import load_model
from titleholder.config.rollout import Rollout
from titleholder.data_intervals import Interval, last_complete
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.naming import TrainingRun
from titleholder.operators import base
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.contract import CandidateModel
from titleholder.reconciler.engine import Converged, Reconciler
from titleholder.reconciler.recorder import ChangeContext

# The end of a week for whose source no task waits any more.
LAST_MONDAY = last_complete("0 3 * * 1", datetime.now(UTC)).end - timedelta(weeks=1)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def airflow_environ(sandbox: Sandbox) -> dict[str, str]:
    """Environment variables for DAGs against the sandbox, and a migrated metadata database."""
    home = Home(sandbox.var)
    environ = sandbox_airflow.environment(home, home.load(), DAGS_FOLDER)
    # SQLite, for runs in this process alone: Airflow reads the address when it is imported, which
    # is before there is a sandbox.
    environ |= {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME}/airflow.db",
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=os.environ | environ, capture_output=True, check=True)
    templates = AIRFLOW_HOME / "pipelines"
    templates.mkdir()
    compiler.Compiler().compile(tiny, str(templates / "tiny.yaml"))
    compiler.Compiler().compile(tiny_duel, str(templates / "tiny_duel.yaml"))
    compiler.Compiler().compile(tiny_watch, str(templates / "tiny_watch.yaml"))
    for name in ("linnerud.yaml", "duel.yaml", "watch.yaml"):
        committed = (REPOSITORY / "pipeline" / "compiled" / name).read_text()
        (templates / name).write_text(committed)
    environ["TITLEHOLDER_TEMPLATE_DIR"] = str(templates)
    return environ


@pytest.fixture(scope="module")
def airflow_home(airflow_environ: dict[str, str]) -> Iterator[Path]:
    """Airflow's home; its environment variables are set while the module's tests run."""
    before = dict(os.environ)
    os.environ |= airflow_environ
    try:
        with pytest.MonkeyPatch.context() as patch:
            # `dag.test()` has no supervisor that registers a deferral late.
            patch.setattr(base, "SHORTEST_DEFERRAL", timedelta(seconds=1))
            yield AIRFLOW_HOME
    finally:
        os.environ.clear()
        os.environ |= before


@pytest.fixture(scope="session")
def tables(sandbox: Sandbox) -> bigquery.Client:
    """BigQuery's client, with a dataset `tests`."""
    client = bigquery.Client(
        project=sandbox.env["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    client.create_dataset("tests", exists_ok=True)
    return client


@dataclass(frozen=True)
class Google:
    """Google's Vertex AI clients for the sandbox."""

    host: str
    parent: str
    artifact: str

    def _client(self, kind: Any) -> Any:
        return kind(
            transport="rest",
            client_options={"api_endpoint": self.host},
            credentials=AnonymousCredentials(),
        )

    @property
    def endpoints(self) -> v1.EndpointServiceClient:
        return self._client(v1.EndpointServiceClient)

    @property
    def models(self) -> v1.ModelServiceClient:
        return self._client(v1.ModelServiceClient)

    @property
    def jobs(self) -> v1.PipelineServiceClient:
        return self._client(v1.PipelineServiceClient)

    @property
    def predictions(self) -> v1.PredictionServiceClient:
        return self._client(v1.PredictionServiceClient)

    def endpoint(self, display_name: str) -> v1.Endpoint | None:
        """The endpoint with that display name, if any."""
        found = self.endpoints.list_endpoints(
            request={"parent": self.parent, "filter": f'display_name="{display_name}"'}
        )
        return next(iter(found), None)

    def versions(self, model: str) -> list[v1.Model]:
        """The registered versions of a model; none when it is not registered."""
        found = self.models.list_models(parent=self.parent)
        if not any(m.name.endswith(f"/models/{model}") for m in found):
            return []
        return list(self.models.list_model_versions(name=f"{self.parent}/models/{model}"))

    def jobs_of(self, model: str) -> list[v1.PipelineJob]:
        """The pipeline jobs of a model."""
        return list(
            self.jobs.list_pipeline_jobs(
                request={
                    "parent": self.parent,
                    "filter": f'labels.titleholder-model="{model}"',
                }
            )
        )


@pytest.fixture(scope="session")
def google(sandbox: Sandbox) -> Google:
    env = sandbox.env
    place = f"projects/{env['GOOGLE_CLOUD_PROJECT']}/locations/{env['GOOGLE_CLOUD_LOCATION']}"
    bucket = sandbox.bucket
    bucket.blob("tests/constant/constant.json").upload_from_string("1.0")
    artifact = f"gs://{bucket.name}/tests/constant"
    return Google(env["VERTEX_AI_EMULATOR_HOST"], place, artifact)


def reserialize() -> None:
    """Write the DAGs of all models to Airflow's database, as its DAG processor does. The module of
    the command `airflow dags reserialize` warns that Graphviz is missing."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        sync_bag_to_db(bag, bundle.name, bundle_version=None)


@dataclass
class RunResult:
    """A finished dag run: its state, its id, and of each task the state, the result and the
    error."""

    state: str
    tasks: dict[str, str]
    returned: dict[str, Any]
    errors: dict[str, str]
    run_id: str = ""


@dataclass
class Model:
    """A model of one test, with a YAML file in the tests' DAG folder."""

    name: str
    table: str
    tables: bigquery.Client

    def load(self, *stamps: datetime | None, rows: int = 1) -> None:
        """Replace the source's rows by `rows` rows at each of these times."""
        column = [stamp for stamp in stamps for _ in range(rows)]
        data = pa.table({"measured_at": pa.array(column, pa.timestamp("us", "UTC"))})
        self.put(data)

    def put(self, data: pa.Table) -> None:
        """Replace the source's rows; a table with other columns must be deleted first."""
        types = {"double": "FLOAT64"}
        schema = [
            bigquery.SchemaField(column.name, types.get(str(column.type), "TIMESTAMP"))
            for column in data.schema
        ]
        self.tables.create_table(bigquery.Table(self.table, schema=schema), exists_ok=True)
        file = io.BytesIO()
        pq.write_table(data, file)
        job = bigquery.LoadJobConfig(
            write_disposition="WRITE_TRUNCATE", source_format=bigquery.SourceFormat.PARQUET
        )
        self.tables.load_table_from_file(file, self.table, rewind=True, job_config=job).result()

    def set_parameters(self, **pipeline_parameters: object) -> None:
        """Set the pipeline's parameters in the YAML file."""
        self.configure("pipeline", parameters=pipeline_parameters)

    def configure(self, section: str, **keys: object) -> None:
        """Set these keys in a section of the YAML file."""
        path = DAGS_FOLDER / "models" / f"{self.name}.yaml"
        raw = yaml.safe_load(path.read_text())
        raw[section] = {**raw.get(section, {}), **keys}
        path.write_text(yaml.safe_dump(raw))

    def run(
        self,
        end: datetime | None = LAST_MONDAY,
        retries: int = 0,
        mark_success: str | None = None,
        dag: str = "train",
        clock: Callable[[], datetime] | None = None,
        **params: object,
    ) -> RunResult:
        """Run a DAG with logical date `end` (None for none) by `dag.test()`; `clock` is that of the
        tasks, `params` are the parameters of the run."""
        result = RunResult("", {}, {}, {})
        loaded = self._dag(dag, result, clock, retries)
        run = loaded.test(
            logical_date=end, mark_success_pattern=mark_success, run_conf=params or None
        )
        result.state, result.run_id = str(run.state), run.run_id
        result.tasks = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        return result

    def clear(
        self,
        run_id: str,
        *tasks: str,
        dag: str = "rollout",
        clock: Callable[[], datetime] | None = None,
    ) -> RunResult:
        """Clear these tasks of an earlier run, and run them in this order, by the present YAML
        file."""
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import clear_task_instances
        from airflow.sdk.definitions.dag import _run_task
        from airflow.utils.session import create_session

        result = RunResult("", {}, {}, {}, run_id)
        loaded = self._dag(dag, result, clock)
        with create_session() as session:
            (dag_run,) = DagRun.find(dag_id=loaded.dag_id, run_id=run_id, session=session)
            instances = {ti.task_id: ti for ti in dag_run.get_task_instances(session=session)}
            clear_task_instances([instances[task] for task in tasks], session)
        for task in tasks:
            with create_session() as session:
                (dag_run,) = DagRun.find(dag_id=loaded.dag_id, run_id=run_id, session=session)
                ti = dag_run.get_task_instance(task, session=session)
                ti.try_number += 1
            _run_task(ti=ti, task=loaded.task_dict[task], run_triggerer=True)
            result.tasks[task] = ti.state.value
        return result

    def _dag(
        self, dag: str, result: RunResult, clock: Callable[[], datetime] | None, retries: int = 0
    ) -> Any:
        """The DAG by the present YAML file; it writes the results and errors of its tasks to
        `result`."""
        from airflow.dag_processing.dagbag import DagBag

        dag_id = f"{self.name}__{dag}"
        bag = DagBag(str(DAGS_FOLDER))
        assert dag_id in bag.dags, bag.import_errors
        loaded = bag.dags[dag_id]
        # `dag.test()` of Airflow 3.3 cannot end a run with a deadline, nor make tasks in one before
        # the start.
        loaded.deadline = loaded.start_date = None

        def note(context: Any) -> None:
            ti = context["ti"]
            result.returned[ti.task_id] = ti.xcom_pull(task_ids=ti.task_id)
            if "exception" in context:
                result.errors[ti.task_id] = str(context["exception"])

        for task in loaded.tasks:
            task.retries, task.retry_delay, task.start_date = retries, timedelta(0), None
            task.clock = clock or task.clock
            for end in ("success", "failure", "retry", "skipped"):
                name = f"on_{end}_callback"
                setattr(task, name, [note, *getattr(task, name)])
        return loaded


@pytest.fixture
def webhook_sink(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A webhook for the connection that the DAGs use."""
    with sink() as webhook:
        connection = json.dumps({"conn_type": "http", "password": webhook.url})
        monkeypatch.setenv("AIRFLOW_CONN_TITLEHOLDER_ALERTS", connection)
        yield webhook


def engine_of(
    made: Model, clock: Callable[[], datetime] = base.utc_now, events: str | None = None
) -> Reconciler:
    """The rollout engine of a model, outside Airflow; `events` replaces the model's events
    table."""
    config = load_model(DAGS_FOLDER / "models" / f"{made.name}.yaml")
    environment = Environment(config.connection)
    return Reconciler(
        Endpoints(environment, config),
        EventsTable(environment, events or config.events_table),
        Rollout(),
        ChangeContext(),
        clock,
    )


def deploy(
    made: Model,
    end: datetime,
    candidate: CandidateModel,
    clock: Callable[[], datetime] = base.utc_now,
    events: str | None = None,
) -> None:
    """Deploy the candidate of the week before `end`, as a weekly run does; `events` replaces the
    model's events table."""
    config = load_model(DAGS_FOLDER / "models" / f"{made.name}.yaml")
    engine = engine_of(made, clock, events)
    run = TrainingRun(made.name, Interval(end - timedelta(weeks=1), end), 0)
    intent = deploy_candidate(config, run, candidate, "fresh")
    # Each call waits for an operation for a few seconds; an image's environment takes longer.
    until(lambda: isinstance(engine.run(intent), Converged), "the deployment", 300)


@pytest.fixture
def clock(google: Google) -> Iterator[SandboxClock]:
    """The sandbox's clock, reset after the test."""
    found = SandboxClock(google.host)
    try:
        yield found
    finally:
        found.reset()


def deploy_champion(google: Google, made: Model, end: datetime) -> None:
    """Deploy a champion through Google's clients, as a run over the week before `end` does."""
    run = TrainingRun(made.name, Interval(end - timedelta(weeks=1), end), 0)
    google.models.upload_model(
        request={
            "parent": google.parent,
            "model_id": made.name,
            "model": v1.Model(
                display_name=made.name,
                artifact_uri=google.artifact,
                container_spec=v1.ModelContainerSpec(image_uri=CONSTANT),
                version_aliases=[run.name],
            ),
        }
    ).result(timeout=60)
    endpoint = google.endpoints.create_endpoint(
        parent=google.parent, endpoint=v1.Endpoint(display_name=made.name)
    ).result(timeout=60)
    champion = run.deployed_model_id
    google.endpoints.deploy_model(
        endpoint=endpoint.name,
        deployed_model=v1.DeployedModel(
            id=champion,
            model=f"{google.parent}/models/{made.name}@1",
            display_name=f"{made.name}-champion-model",
            dedicated_resources=v1.DedicatedResources(
                machine_spec=v1.MachineSpec(machine_type="n1-standard-4"), min_replica_count=1
            ),
        ),
        traffic_split={"0": 100},
    ).result(timeout=60)
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, labels={"champion": champion}),
        update_mask=FieldMask(paths=["labels"]),
    )


@pytest.fixture
def model(
    airflow_home: Path, sandbox: Sandbox, tables: bigquery.Client
) -> Iterator[Callable[..., Model]]:
    """Makes a model with fresh data and the tiny pipeline; keys such as `endpoint__create=False`
    change its YAML file."""
    written = []

    def make(**changes: Any) -> Model:
        name = f"tiny{next(NUMBERS)}"
        raw: dict[str, Any] = {
            "model": name,
            "owner": "tests",
            "schedule": "0 3 * * 1",
            "start_date": datetime(2026, 1, 5).date(),
            "source": {"table": f"tests.{name}", "timestamp": "measured_at"},
            "pipeline": {"template": "tiny.yaml"},
            "gate": {"min_score": 50},
            "endpoint": {"display_name": name, "create": True},
        }
        for key, value in changes.items():
            section, _, last = key.partition("__")
            if last:
                raw[section] = {**raw.get(section, {}), last: value}
            else:
                raw[section] = value
        assert schema_errors(raw) == []
        path = DAGS_FOLDER / "models" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(raw))
        written.append(path)
        made = Model(name, f"{sandbox.env['GOOGLE_CLOUD_PROJECT']}.tests.{name}", tables)
        made.load(
            *(LAST_MONDAY - timedelta(weeks=week, minutes=5) for week in range(6)),
        )
        return made

    yield make
    for path in written:
        path.unlink()
