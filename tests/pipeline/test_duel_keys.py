import datetime
import re
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.duel_steps.keys import (
    check_cluster_column,
    cluster_keys,
    key_column,
    row_keys,
    with_keys,
)

UTC_TIME = pa.timestamp("us", tz="UTC")
NAN = float("nan")


def keys(times: list[int], x: pa.Array, z: list[Any], labels: list[Any]) -> list[int]:
    batch = pa.record_batch(
        {"y": labels, "z": pa.array(z, pa.float64()), "at": pa.array(times, UTC_TIME), "x": x}
    )
    return list(with_keys(batch, "p.d.t", "", "at", ["x", "z"])[key_column()].to_pylist())


def test_the_key_of_a_row_is_that_of_its_time_and_features() -> None:
    x = pa.array([Decimal("1.5"), Decimal(2), None, None], pa.decimal128(38, 9))
    found = keys([7, 7, 8, 8], x, [0.0, 0.0, None, 3.0], [1, 2, 3, 4])
    assert len(set(found)) == 4
    # A label changes nothing, nor does the number's type, a negative zero or how it is missing.
    again = keys([7, 7, 8, 8], pa.array([1.5, 2, None, NAN]), [-0.0, -0.0, NAN, 3.0], [9] * 4)
    assert again == found
    raw = np.array([7], "<i8").tobytes() + np.array([1.5, 0.0], "<f8").tobytes()
    assert found[0] == int.from_bytes(blake2b(raw, digest_size=8).digest(), "little")


def test_equal_rows_have_equal_keys_in_any_batch() -> None:
    x = pa.array([1, 2, 1, 1])
    one, two, three, four = keys([7, 7, 7, 8], x, [5.0] * 4, [0] * 4)
    assert one == three
    assert len({one, two, four}) == 3
    assert keys([8], x.slice(3), [5.0], [0]) == [four]


DATE = datetime.date(2026, 3, 2)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array(["é", "b", "é"]), "é".encode()),
        (pa.array([3, 4, 3]), b"3"),
        (pa.array([True, False, True]), b"true"),
        (pa.array([b"\xff", b"", b"\xff"]), b"\xff"),
        (pa.array([Decimal("1.50"), Decimal(2), Decimal("1.50")]), b"1.50"),
        (pa.array([DATE, datetime.date(2026, 3, 3), DATE]), b"2026-03-02"),
        (pa.array([5, 6, 5], UTC_TIME), b"5"),
        (pa.array([5, 6, 5], pa.timestamp("us")), b"5"),
        (pa.array([0, 1, 0], pa.time64("us")), b"00:00:00.000000"),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_the_key_of_a_cluster_is_that_of_its_value(values: Any, text: bytes) -> None:
    one, two, three = cluster_keys(values).tolist()
    assert one == three != two
    assert one == int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    assert cluster_keys(values.slice(2)).tolist() == [one]


SCHEMA = pa.schema(
    [
        *(("at", UTC_TIME), ("x", pa.int64()), ("w", pa.float64()), ("y", pa.string())),
        *(("tags", pa.list_(pa.string())), ("person", pa.string())),
    ]
)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("customer", "Table p.d.t has no column customer: correct duel.cluster_column"),
        ("y", "cluster_column is y, a target: name the column of what has several rows"),
        ("w", "Column w of p.d.t is double, which identifies no cluster: name a string, int"),
        ("tags", "Column tags of p.d.t is list<item: string>, which identifies no cluster"),
    ],
)
def test_a_column_that_identifies_no_cluster_is_refused(column: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_cluster_column(SCHEMA, "p.d.t", column, ["y"])


@pytest.mark.parametrize("column", ["person", "x", "at"])
def test_any_other_column_may_identify_a_cluster(column: str) -> None:
    check_cluster_column(SCHEMA, "p.d.t", column, ["y"])


def test_a_row_of_no_cluster_is_refused() -> None:
    batch = pa.record_batch({"at": pa.array([1, 2], UTC_TIME), "person": ["a", None]})
    message = "Column person of p.d.t is null in some rows of the window: fill it, for example"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        with_keys(batch, "p.d.t", "person", "at", [])


def test_a_text_a_boolean_and_a_missing_value_are_part_of_the_key() -> None:
    batch = pa.record_batch(
        {
            "x": [1.0, 1.0, 1.0, 1.0, 1.0],
            "site": pa.array(["a", "b", "", None, "a"]),
            "open": pa.array([True, True, True, True, None]),
        }
    )
    keys = row_keys(batch, ["x", "site", "open"]).tolist()
    assert len(set(keys)) == 5
    again = row_keys(batch.take(pa.array([4, 0, 3])), ["x", "site", "open"]).tolist()
    assert again == [keys[4], keys[0], keys[3]]
