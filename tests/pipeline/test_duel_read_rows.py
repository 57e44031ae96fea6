"""The rows that a duel reads from BigQuery, with a sample or clusters: what is written for both
models, and its counts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kfp import dsl

from pipeline.components.read_rows import read_rows
from pipeline.duel_steps.keys import key_column
from tests.pipeline.duels import END, START, rows

COUNT = 2_000
TABLE = rows(COUNT).drop_columns("kind")
TABLE = TABLE.append_column("person", pa.array(np.arange(COUNT) * 7 % 101))
Put = Callable[[pa.Table], str]


def read(folder: Path, table: str, **changes: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows and metadata that the step writes."""
    found = dsl.Dataset(uri=str(folder / "rows"))
    parameters: dict[str, Any] = {
        "project": "demo",
        "source_table": table,
        "timestamp_column": "at",
        "feature_columns": ["x", "z"],
        "target_columns": ["y"],
        "primary_target": "y",
        "loss": "absolute",
        "champion_data_interval_end": START.isoformat(),
        "challenger_data_interval_end": START.isoformat(),
        "labels_until": END.isoformat(),
        "batch_size": 10_000,
    }
    read_rows.python_func(rows=found, **parameters | changes)
    return pq.read_table(found.path).to_pandas(), found.metadata


def by_day(frame: pd.DataFrame) -> dict[str, int]:
    counts = frame.groupby(frame["at"].dt.strftime("%Y-%m-%d")).size()
    return {str(day): int(count) for day, count in counts.items()}


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    order = ["at", "x", "z"]
    sorts = (frame.sort_values(order, ignore_index=True) for frame in (one, other))
    pd.testing.assert_frame_equal(*sorts)


def test_the_sample_is_the_same_in_another_order_and_batch_size(put: Put, tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(COUNT)
    one, about = read(tmp_path, put(TABLE), max_rows_per_day=50)
    other, other_about = read(tmp_path, put(TABLE.take(order)), max_rows_per_day=50, batch_size=13)
    same(one, other)
    for name in ("rows", "rows_skipped", "rows_labelled", "sample"):
        assert about[name] == other_about[name]
    # Ten days, of which START and END leave a part.
    assert about["rows"] == 50 * 10
    assert about["rows_skipped"] > 0
    assert len(one) < about["rows"], "rows without a feature or label are in the sample"
    assert about["sample"]["sampled_by"] == ["at", "x", "z"]
    assert about["sample"]["rows_in_window"] > 1_000
    assert max(by_day(one).values()) <= 50
    assert key_column() not in one


def test_a_maximum_that_no_day_reaches_changes_no_row(put: Put, tmp_path: Path) -> None:
    table = put(TABLE)
    every, about = read(tmp_path, table)
    sampled, sampled_about = read(tmp_path, table, max_rows_per_day=10_000)
    same(every, sampled)
    assert sampled_about.pop("sample")["rows_in_window"] == about["rows"]
    assert sampled_about == about


def test_labels_choose_no_row_and_late_rows_only_displace(put: Put, tmp_path: Path) -> None:
    """At the second look some labels and rows have arrived, and the window is longer."""
    half = np.arange(COUNT) % 2 == 0
    unlabelled = TABLE.set_column(0, "y", pa.array(TABLE["y"].to_pandas().where(half)))
    first = unlabelled.filter(np.arange(COUNT) % 3 > 0)
    looks = [
        read(tmp_path, put(table), max_rows_per_day=60, labels_until=until)[0]
        for table, until in ((first, "2026-03-08T12:00:00Z"), (TABLE, "2026-03-09T12:00:00Z"))
    ]
    known = first.to_pandas().merge(looks[1][["at", "x"]], on=["at", "x"])
    known = known[(known["at"] < "2026-03-08T12:00:00Z") & known["y"].notna()]
    assert len(known) > 50
    assert len(known.merge(looks[0][["at", "x"]], on=["at", "x"])) == len(known)


def test_duplicated_rows_are_in_the_sample_together(put: Put, tmp_path: Path) -> None:
    found, about = read(
        tmp_path, put(pa.concat_tables([TABLE, TABLE.slice(900, 400)])), max_rows_per_day=51
    )
    days = by_day(found)
    copies = found.groupby(["at", "x"]).size()
    inside = TABLE.slice(900, 400).to_pandas()["at"]
    for (at, _), number in copies.items():
        assert number == (2 if at in set(inside) else 1)
    assert max(days.values()) <= 51
    assert about["rows"] < 51 * 10, "a pair that does not fit is left out"


def test_a_sample_of_clusters_has_whole_clusters_of_a_day(put: Put, tmp_path: Path) -> None:
    found, about = read(tmp_path, put(TABLE), max_rows_per_day=50, cluster_column="person")
    assert about["cluster_column"] == "person"
    assert about["sample"]["sampled_by"] == ["person"]
    frame = TABLE.to_pandas()
    frame = frame[(frame["at"] >= START) & (frame["at"] < END)]
    usable = frame[frame["y"].notna() & frame["z"].notna()]
    chosen = found.merge(frame[["at", "x", "person"]], on=["at", "x"])
    assert len(chosen) == len(found)
    everything = usable.groupby([usable["at"].dt.date, "person"]).size()
    for key, count in chosen.groupby([chosen["at"].dt.date, "person"]).size().items():
        assert everything[key] == count
    # The same persons on each day: most of those on any day are there on every day.
    assert chosen["person"].nunique() < 50
    assert chosen.groupby("person")[key_column()].nunique().max() == 1
    assert chosen.groupby(key_column())["person"].nunique().max() == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cluster_column": "customer"}, r"Table \S+ has no column customer: correct duel.clust"),
        ({"cluster_column": "y"}, "cluster_column is y, a target: name the column of what has"),
        ({"cluster_column": "x"}, r"Column x of \S+ is double, which identifies no cluster: na"),
        ({"cluster_column": "a`b"}, "The column name 'a`b' is not valid in BigQuery: correct it"),
        ({"max_rows_per_day": 1}, "max_rows_per_day is 1: give the number of rows, at least 2"),
        ({"max_rows_per_day": -5}, "max_rows_per_day is -5: give the number of rows, at least 2"),
        (
            {"cluster_column": "site", "max_rows_per_day": 20},
            "max_rows_per_day is 20, and on every day the rows with the same site are more: raise",
        ),
        ({"cluster_column": "team"}, r"Column team of \S+ is null in some rows of the window: f"),
    ],
)
def test_what_cannot_be_sampled_or_clustered_is_refused_in_one_sentence(
    put: Put, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    table = TABLE.append_column("site", pa.array(np.ones(COUNT, int)))
    team = pa.array(np.ones(COUNT, int), mask=np.arange(COUNT) == 1_000)
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        read(tmp_path, put(table.append_column("team", team)), **changes)
    assert not re.search(r"\n|\. [A-Z]", str(caught.value))


def test_a_null_outside_of_the_window_does_not_matter(put: Put, tmp_path: Path) -> None:
    team = pa.array(np.ones(COUNT, int), mask=np.arange(COUNT) == 0)
    found, _ = read(tmp_path, put(TABLE.append_column("team", team)), cluster_column="team")
    assert found[key_column()].nunique() == 1
