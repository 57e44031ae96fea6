"""A BigQuery emulator for these tests, and the parameters of a run of the linnerud pipeline."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from kfp import dsl

from pipeline.components.train import train
from sandbox.example.linnerud import FEATURES, TARGETS, load, weeks

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
WEEK = ("2026-02-23T03:00:00Z", "2026-03-02T03:00:00Z")  # the last complete one before NOW
COLUMNS: dict[str, Any] = {
    "key_column": "id",
    "feature_columns": list(FEATURES),
    "target_columns": list(TARGETS),
}
TABLE = "demo.linnerud.measurements"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables of a bqemulator for Google's clients."""
    home = tmp_path_factory.mktemp("bigquery")
    package = Path(duckdb_extension_spatial.__file__).parent
    with duckdb.connect(config={"extension_directory": str(home / ".duckdb/extensions")}) as db:
        db.execute(f"INSTALL '{next(package.rglob('spatial.duckdb_extension'))}'")
    rest, grpc = _free_ports(2)
    command = [Path(sys.executable).with_name("bqemulator"), "start", "--ephemeral"]
    command += ["--rest-port", rest, "--grpc-port", grpc, "--project", "demo"]
    variables = {"HOME": str(home), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "0"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{rest}/readyz", server, home / "log")
            yield {
                "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{rest}",
                "BIGQUERY_STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{grpc}",
            }
        finally:
            server.kill()
            server.wait()


@pytest.fixture
def source(emulator: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[bigquery.Client]:
    """A client of the emulator, which has TABLE up to NOW; its variables are set for the test."""
    for name, value in emulator.items():
        monkeypatch.setenv(name, value)
    with bigquery.Client("demo", credentials=AnonymousCredentials()) as client:
        load(client, NOW)
        yield client


@pytest.fixture
def put(source: bigquery.Client, tmp_path: Path) -> Callable[[pa.Table], str]:
    """Creates a table of these rows; returns its `project.dataset.table`."""

    def put_table(rows: pa.Table) -> str:
        name = f"demo.linnerud.t{time.monotonic_ns()}"
        types = {"int64": "INT64", "double": "FLOAT64", "decimal128(38, 9)": "NUMERIC"}
        schema = [
            bigquery.SchemaField(column.name, types.get(str(column.type), "TIMESTAMP"))
            for column in rows.schema
        ]
        source.create_table(bigquery.Table(name, schema))
        pq.write_table(rows, tmp_path / "rows")
        config = bigquery.LoadJobConfig(source_format="PARQUET")
        with (tmp_path / "rows").open("rb") as file:
            source.load_table_from_file(file, name, job_config=config).result()
        return name

    return put_table


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> dsl.Dataset:
    """The 2,000 rows of the last complete week, as create_dataset writes them."""
    dataset = dsl.Dataset(uri=str(tmp_path_factory.mktemp("week") / "dataset"))
    rows = weeks(NOW, count=1).slice(0, 2_000).drop_columns("measured_at")
    pq.write_table(rows, dataset.path)
    return dataset


@pytest.fixture(scope="session")
def trained(
    week: dsl.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dsl.Model, dsl.Dataset]:
    """The model of that week and its held-out rows."""
    return train_on(week, tmp_path_factory.mktemp("trained"))


def train_on(dataset: dsl.Dataset, folder: Path) -> tuple[dsl.Model, dsl.Dataset]:
    """The outputs of `train`, in `folder`."""
    model, held_out = dsl.Model(uri=str(folder / "model")), dsl.Dataset(uri=str(folder / "rest"))
    train.python_func(dataset=dataset, model=model, held_out=held_out, **COLUMNS)
    return model, held_out


def _free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(probe.getsockname()[1]) for probe in sockets]
    for probe in sockets:
        probe.close()
    return ports


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"bqemulator is not ready: {log.read_text()}")
