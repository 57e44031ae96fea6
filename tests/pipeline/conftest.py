"""The sandbox's BigQuery with the example's data, and the parameters of a run of its pipeline."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from kfp import dsl

from pipeline.components.train import train
from sandbox.example.linnerud import FEATURES, TARGETS, load, weeks
from tests.conftest import Sandbox

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
WEEK = ("2026-02-23T03:00:00Z", "2026-03-02T03:00:00Z")  # the last complete one before NOW
COLUMNS: dict[str, Any] = {
    "key_column": "id",
    "feature_columns": list(FEATURES),
    "target_columns": list(TARGETS),
}
TABLE = "demo.linnerud.measurements"


@pytest.fixture(scope="session")
def emulator(sandbox: Sandbox) -> dict[str, str]:
    """The environment variables of the sandbox's BigQuery for Google's clients."""
    names = ("BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST")
    return {name: sandbox.env[name] for name in names}


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
