import re

import numpy as np
import pyarrow as pa
import pytest

from pipeline.duel_steps.accumulator import new_accumulator
from pipeline.duel_steps.artifact import load_artifact
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.report.page import report_page
from pipeline.duel_steps.report.text import interval_class
from pipeline.duel_steps.rows import comparable_rows, duel_window, rows_schema, typed_rows
from pipeline.source import check_column_names, check_columns, table_path

UTC_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("at", UTC_TIME),
        ("local", pa.timestamp("us")),
        ("x", pa.float64()),
        ("y", pa.decimal128(38, 9)),
        ("name", pa.string()),
        ("tags", pa.list_(pa.string())),
    ]
)
ROOT = "gs://bucket/models"


@pytest.mark.parametrize(
    ("uri", "root", "message"),
    [
        ("gs://other/models/m", ROOT, "The champion's artifact gs://other/models/m is not under"),
        ("gs://bucket/models-2/m", ROOT, "The champion's artifact gs://bucket/models-2/m is not"),
        ("gs://bucket/models/../m", ROOT, "The champion's artifact gs://bucket/models/../m is not"),
        ("/tmp/m", ROOT, "The champion's artifact /tmp/m is not under gs://bucket/models: models"),
        ("gs://bucket/models/m", "", "artifact_root is '': name the gs:// folder"),
        ("gs://bucket/models/m", "gs://", "artifact_root is 'gs:': name the gs:// folder"),
        ("gs://bucket/models/m", ROOT, "champion_sha256 is 'abc', not 64 hexadecimal digits: give"),
    ],
)
def test_an_artifact_that_is_not_trusted_is_not_read(uri: str, root: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        load_artifact("champion", uri, "abc", root, "folder")


def test_the_window_starts_at_the_later_training_and_may_be_empty() -> None:
    late, early = "2026-03-09T04:00:00+01:00", "2026-03-02T03:00:00Z"
    for both in ((late, early), (early, late)):
        assert duel_window(*both, "2026-03-10T00:00:00Z") == (
            "2026-03-09T03:00:00Z",
            "2026-03-10T00:00:00Z",
        )
        assert duel_window(*both, early) == ("2026-03-09T03:00:00Z",) * 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_time_without_a_zone_is_refused(place: int) -> None:
    name = ("champion_data_interval_end", "challenger_data_interval_end", "labels_until")[place]
    times = ["2026-03-02T03:00:00Z"] * 3
    times[place] = "2026-03-02T03:00:00"
    with pytest.raises(ValueError, match=f"^{name} is '2026-03-02T03:00:00': give a time with its"):
        duel_window(*times)


@pytest.mark.parametrize("table", ["p.d.t", "bq://my-project.d.t_2", "example.com:p.d.my table"])
def test_valid_names_are_accepted(table: str) -> None:
    assert table_path(table).startswith("projects/")
    check_column_names(["at", "größe", "_x1"])


@pytest.mark.parametrize("table", ["d.t", "p.d.t/../u", "p.d.t` --", "p.d'.t", "p.d.t\n"])
def test_invalid_table_names_are_refused(table: str) -> None:
    with pytest.raises(ValueError, match=r"^source_table is .*: name it project.dataset.table"):
        table_path(table)


@pytest.mark.parametrize("column", ["", "1x", "at` OR TRUE --", "a.b", "a b", "at\n"])
def test_invalid_column_names_are_refused(column: str) -> None:
    with pytest.raises(ValueError, match=r"^The column name .* is not valid in BigQuery: correct"):
        check_column_names(["at", column])


@pytest.mark.parametrize(
    ("timestamp", "features", "targets", "loss", "message"),
    [
        ("when", ["x"], ["y"], "absolute", "Table p.d.t has no column when: correct"),
        ("at", ["x"], ["z"], "log_loss", "Table p.d.t has no column z: "),
        ("local", ["x"], ["y"], "absolute", "Column local of p.d.t is timestamp[us], not a TIMES"),
        ("at", ["x"], ["name"], "squared", "Column name of p.d.t is string, not a number: "),
        ("at", ["name"], ["y"], "log_loss", "Column name of p.d.t is string, not a number: "),
        ("at", ["x"], ["tags"], "log_loss", "Column tags of p.d.t is list<item: string>, not a n"),
        ("at", ["x"], ["x"], "absolute", "A column is named twice in at, x, x: "),
        ("at", [], ["y"], "absolute", "feature_columns or target_columns is empty: "),
    ],
)
def test_columns_that_cannot_be_compared_are_refused(
    timestamp: str, features: list[str], targets: list[str], loss: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_columns(
            SCHEMA, "p.d.t", timestamp, features, targets, class_labels=loss == "log_loss"
        )


def test_labels_that_are_not_finite_count_as_missing() -> None:
    nan = float("nan")
    table = pa.record_batch(
        {
            "at": pa.array([1, 2, 3, 4, 5, 6], UTC_TIME),
            "x": [1, None, 3, 4, 5, 6],
            "y": [1.0, 2.0, nan, None, 1e999, 6.0],
            "kind": [True, None, None, True, None, False],
        }
    )
    for loss, targets, times, labelled in (
        ("absolute", ["y"], [1, 6], [3]),
        ("zero_one", ["y"], [1, 6], [3]),
        ("log_loss", ["kind"], [1, 4, 6], [3]),
        ("log_loss", ["y", "kind"], [1, 4, 6], [3, 3]),
    ):
        schema = rows_schema(table.schema, "at", ["x"], targets, loss)
        batch = table.select(["at", "x", *targets])
        found, skipped, counts = comparable_rows(typed_rows(batch, schema, targets), ["x"], targets)
        assert found.schema == schema
        assert found["at"].cast(pa.int64()).to_pylist() == times
        assert (skipped, counts) == (1, labelled)
    assert found["y"].to_pylist() == [1.0, None, 6.0]
    assert found["kind"].to_pylist() == [True, True, False]


def test_an_interval_that_contains_zero_is_even() -> None:
    assert [interval_class(*pair) for pair in ((2, 1), (-2, 1), (1, 2), (1, 0))] == [
        *("better", "worse", "even", "even"),
    ]


def test_names_are_escaped_in_the_report() -> None:
    hostile = '<img src=x onerror=alert(1)>"&'
    counts = {"rows": 0, "rows_skipped": 0, "rows_labelled": [0, 0], "days": []}
    evidence = make_evidence(new_accumulator(counts), [hostile, "b"], hostile, "absolute")
    evidence |= {"window_start": hostile, "window_end": hostile, "source_table": hostile}
    sample = {"max_rows_per_day": 2, "sampled_by": [hostile], "rows_in_window": 9}
    evidence |= {"cluster_column": hostile, "sample": sample | {"days_without_rows": 1}}
    evidence |= {role: {"uri": hostile, "sha256": hostile} for role in ("champion", "challenger")}
    day = {"day": "2026-03-02", "n": 2, "mean": 0.5, "variance": 0.1}
    day |= {"champion_loss": 1.0, "challenger_loss": 0.5}
    evidence["days"] = [day]
    evidence |= day
    evidence["targets"] = {hostile: day | {"rows_labelled": 2}, "b": day | {"rows_labelled": 2}}
    residuals = {role: np.ones(4001, np.int64) for role in ("champion", "challenger")}
    html = report_page(evidence, residuals)
    assert html.count("<svg") == 4
    assert "<img" not in html
    assert html.count("&lt;img src=x") >= 6
