import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery
from kfp import dsl

from pipeline.components.create_dataset import create_dataset
from sandbox.example.linnerud import FEATURES, weeks
from tests.pipeline.conftest import COLUMNS, NOW, TABLE, WEEK

START = datetime.fromisoformat(WEEK[0])
Put = Callable[[pa.Table], str]


def read(folder: Path, table: str, **changes: Any) -> dsl.Dataset:
    """The dataset that create_dataset writes for WEEK of `table`."""
    dataset = dsl.Dataset(uri=str(folder / "dataset"))
    values = {"project": "demo", "source_table": table, "timestamp_column": "measured_at"}
    values |= {"interval_start": WEEK[0], "interval_end": WEEK[1]} | COLUMNS | changes
    create_dataset.python_func(dataset=dataset, **values)
    return dataset


def rows_of_week(count: int) -> pa.Table:
    """`count` rows in WEEK: id, measured_at, x and y."""
    number = np.arange(count)
    at = int(START.timestamp() * 1e6) + number % 600_000 * 1_000_000
    timestamp = pa.timestamp("us", tz="UTC")
    return pa.table(
        {"y": number * 2.0, "id": number, "x": number / 7.0, "measured_at": pa.array(at, timestamp)}
    )


XY: dict[str, Any] = {"feature_columns": ["x"], "target_columns": ["y"]}


@pytest.mark.parametrize("prefix", ["", "bq://"])
def test_the_rows_of_the_week_are_read_by_column_name(
    source: bigquery.Client, tmp_path: Path, prefix: str
) -> None:
    dataset = read(tmp_path, prefix + TABLE, target_columns=["jumps", "chins"])
    rows = pq.read_table(dataset.path)
    assert rows.column_names == ["id", *FEATURES, "jumps", "chins"]
    expected = weeks(NOW, count=1).slice(0, 2_000).select(rows.column_names)
    assert rows.sort_by("id").to_pydict() == expected.to_pydict()
    assert dataset.metadata == {"rows": 2_000, "source_table": prefix + TABLE}


def test_the_interval_includes_its_start_and_not_its_end(put: Put, tmp_path: Path) -> None:
    rows = rows_of_week(100)
    ends = {"interval_start": rows["measured_at"][10].as_py().isoformat()}
    ends |= {"interval_end": rows["measured_at"][60].as_py().isoformat()}
    dataset = read(tmp_path, put(rows), **ends, **XY)
    assert pq.read_table(dataset.path)["id"].to_pylist() == list(range(10, 60))


def test_whole_and_exact_numbers_become_floats(put: Put, tmp_path: Path) -> None:
    rows = rows_of_week(30)
    rows = rows.set_column(0, "y", rows["y"].cast(pa.decimal128(38, 9)))
    rows = rows.set_column(2, "x", pa.array([2**60] * 30))
    table = pq.read_table(read(tmp_path, put(rows), **XY).path).sort_by("id")
    assert table.schema.field("y").type == table.schema.field("x").type == pa.float64()
    assert table["y"].to_pylist() == pytest.approx([n * 2.0 for n in range(30)])


def test_a_large_table_is_copied_in_batches_from_several_streams(put: Put, tmp_path: Path) -> None:
    dataset = read(tmp_path, put(rows_of_week(200_000)), **XY)
    file = pq.ParquetFile(dataset.path)
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert sum(sizes) == 200_000
    assert len(sizes) >= 4, "one row group a batch, one batch or more a stream"
    assert max(sizes) <= 65_536, "no batch was merged with another"
    assert sorted(file.read(["id"])["id"].to_pylist()) == list(range(200_000))


@pytest.mark.long
def test_memory_does_not_grow_with_the_table(put: Put, tmp_path: Path) -> None:
    small, large = (_peak_megabytes(put(rows_of_week(n)), tmp_path) for n in (3_000_000, 9_000_000))
    additional = 6_000_000 * 3 * 8 / 1e6
    assert large - small < additional / 2, "less than half the size of the additional rows"


def _peak_megabytes(table: str, folder: Path) -> float:
    """The peak memory of a separate process that reads `table`."""
    script = (
        "import sys, pathlib; from tests.pipeline.test_create_dataset import XY, read;"
        "read(pathlib.Path(sys.argv[2]), sys.argv[1], **XY);"
        "print(pathlib.Path('/proc/self/status').read_text())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, table, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(re.findall(r"VmHWM:\s+(\d+) kB", result.stdout)[0]) * 1024 / 1e6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_table": "demo.linnerud.none"}, "Table demo.linnerud.none does not exist: create"),
        ({"source_table": "demo.none.t"}, "Table demo.none.t does not exist: "),
        ({"source_table": "measurements"}, "source_table is 'measurements': name it project."),
        ({"key_column": "key"}, f"Table {TABLE} has no column key: correct the name"),
        ({"feature_columns": ["height"]}, f"Table {TABLE} has no column height: "),
        ({"target_columns": ["measured_at"]}, f"Column measured_at of {TABLE} is timestamp"),
        ({"timestamp_column": "id"}, f"Column id of {TABLE} is int64, not a TIMESTAMP: "),
        ({"interval_start": "2026-02-30"}, "interval_start is '2026-02-30': give a time with its"),
        (
            {"interval_start": "2019-01-01T00:00:00Z", "interval_end": "2019-01-08T00:00:00Z"},
            f"No rows in {TABLE} from 2019-01-01T00:00:00Z to 2019-01-08T00:00:00Z: load that",
        ),
        (
            {"interval_end": "2026-02-23T03:30:00Z"},
            f"Only 6 rows in {TABLE} from {WEEK[0]} to 2026-02-23T03:30:00Z: at least 20",
        ),
    ],
)
def test_a_source_that_cannot_be_trained_on_is_refused(
    source: bigquery.Client, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read(tmp_path, changes.pop("source_table", TABLE), **changes)


def test_values_that_are_not_finite_are_counted_and_refused(put: Put, tmp_path: Path) -> None:
    rows = rows_of_week(50)
    x = [None, float("nan"), float("inf"), *range(47)]
    y = [*range(49), float("-inf")]
    rows = rows.set_column(2, "x", pa.array(x, pa.float64()))
    table = put(rows.set_column(0, "y", pa.array(y, pa.float64())))
    message = (
        f"Null, NaN or infinite values in {table} from {WEEK[0]} to {WEEK[1]}: "
        "3 in x, 1 in y of 50 rows: repair them."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(tmp_path, table, **XY)


def test_the_current_week_has_rows_up_to_now(source: bigquery.Client, tmp_path: Path) -> None:
    dataset = read(tmp_path, TABLE, interval_start=WEEK[1], interval_end="2026-03-09T03:00:00Z")
    rows = pq.read_metadata(dataset.path).num_rows
    share = (NOW - datetime(2026, 3, 2, 3, tzinfo=UTC)) / timedelta(weeks=1)
    assert rows == pytest.approx(2_000 * share, abs=1)
