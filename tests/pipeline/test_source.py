import re

import pyarrow as pa
import pytest

from pipeline.source import check_columns, table_path, window_filter

UTC_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("at", UTC_TIME),
        ("local", pa.timestamp("us")),
        ("x", pa.float64()),
        ("y", pa.decimal128(38, 9)),
        ("name", pa.string()),
    ]
)


@pytest.mark.parametrize("table", ["p.d.t", "bq://p.d.t"])
def test_a_table_is_named_with_or_without_prefix(table: str) -> None:
    assert table_path(table) == "projects/p/datasets/d/tables/t"


def test_a_project_may_have_a_domain() -> None:
    assert table_path("example.com:p.d.t") == "projects/example.com:p/datasets/d/tables/t"


@pytest.mark.parametrize("table", ["d.t", "p.d.", "", "p:d.t", "bq://p"])
def test_invalid_table_names_are_refused(table: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"source_table is {table!r}: name it project.")):
        table_path(table)


def test_the_window_is_half_open_and_in_utc() -> None:
    assert window_filter("at", "2026-01-05T04:00:00+01:00", "2026-01-12T03:00:00Z") == (
        "`at` >= TIMESTAMP '2026-01-05 03:00:00+00:00' AND "
        "`at` < TIMESTAMP '2026-01-12 03:00:00+00:00'"
    )


@pytest.mark.parametrize("time", ["monday", "2026-01-05T03:00:00", ""])
def test_a_time_without_a_zone_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match=r"interval_start is .*: give a time with its zone"):
        window_filter("at", time, "2026-01-12T03:00:00Z")


@pytest.mark.parametrize("column", ["at` IS NULL OR `at", "a t", "1st", "", "at\n", "a" * 301])
def test_the_column_name_of_a_row_restriction_is_checked(column: str) -> None:
    with pytest.raises(
        ValueError, match=r"The column name .* is not valid in BigQuery: correct it"
    ):
        window_filter(column, "2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z")


def test_an_empty_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"interval_end .* is not after interval_start"):
        window_filter("at", "2026-01-12T03:00:00Z", "2026-01-12T03:00:00Z")


def test_columns_of_any_numeric_type_are_accepted() -> None:
    check_columns(SCHEMA, "p.d.t", "at", ["x", "id"], ["y"], key="name")


@pytest.mark.parametrize(
    ("timestamp", "key", "features", "targets", "message"),
    [
        ("when", "id", ["x"], ["y"], "Table p.d.t has no column when: correct the name"),
        ("at", "ID", ["x"], ["y"], "Table p.d.t has no column ID: "),
        ("at", "id", ["x", "z"], ["y"], "Table p.d.t has no column z: "),
        ("local", "id", ["x"], ["y"], "Column local of p.d.t is timestamp[us], not a TIMESTAMP: "),
        ("x", "id", ["x"], ["y"], "Column x of p.d.t is double, not a TIMESTAMP: "),
        ("at", "id", ["x", "name"], ["y"], "Column name of p.d.t is string, not a number: "),
        ("at", "id", ["x"], ["x"], "A column is named twice in id, x, x: "),
        ("at", "id", ["id"], ["y"], "A column is named twice in id, id, y: "),
        ("at", "id", [], ["y"], "feature_columns or target_columns is empty: "),
        ("at", "id", ["x"], [], "feature_columns or target_columns is empty: "),
    ],
)
def test_columns_that_cannot_be_trained_on_are_refused(
    timestamp: str, key: str, features: list[str], targets: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_columns(SCHEMA, "p.d.t", timestamp, features, targets, key)
