"""Rows like the example's, as many as one likes."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from sandbox.example.linnerud import FEATURES, TARGETS, weeks

START = datetime(2026, 11, 9, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WINDOW = (START.isoformat(), (START + WEEK).isoformat())
CHUNK = 1_000_000


def chunk(first: int, count: int, whole: int) -> pa.Table:
    """Rows `first` to `first + count` of `whole` that are spread over the week: the example's
    2,000, again and again, and a little noise, so that no two are the same."""
    rng = np.random.default_rng(first)
    week = weeks(START + WEEK, count=1).slice(0, 2_000)
    place = np.arange(first, first + count)
    begin = int(START.timestamp() * 1e6)
    at = begin + place * (WEEK // timedelta(microseconds=1)) // whole
    numbers = {
        name: np.tile(week[name].to_numpy(), -(-count // 2_000))[:count] + rng.normal(0, 0.1, count)
        for name in (*FEATURES, *TARGETS)
    }
    return pa.table(
        {
            "id": pa.array(place, pa.int64()),
            "measured_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            **numbers,
        }
    )


def put(client: bigquery.Client, count: int) -> str:
    """A table of that many rows in the week; its `project.dataset.table`."""
    name = f"{client.project}.bench.rows_{count}"
    kinds = {"id": "INT64", "measured_at": "TIMESTAMP"}
    schema = [
        bigquery.SchemaField(column, kinds.get(column, "FLOAT64"))
        for column in ("id", "measured_at", *FEATURES, *TARGETS)
    ]
    client.create_dataset(f"{client.project}.bench", exists_ok=True)
    client.create_table(bigquery.Table(name, schema))
    config = bigquery.LoadJobConfig(source_format="PARQUET", schema=schema)
    for first in range(0, count, CHUNK):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rows.parquet")
            pq.write_table(chunk(first, min(CHUNK, count - first), count), file)
            with file.open("rb") as opened:
                client.load_table_from_file(opened, name, job_config=config).result()
    return name
