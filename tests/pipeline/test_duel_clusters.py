"""Clusters of rows as the units of a duel's statistics."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.duel_steps.accumulator import add_clusters, new_accumulator, update
from pipeline.duel_steps.evidence import make_evidence

DAY = 86_400_000_000
TARGETS = ["y", "w"]
# Cluster, day, and the losses of both models on two targets, NaN without a label.
losses = st.one_of(st.floats(0, 1e3), st.just(float("nan")))
any_rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(20_000, 20_003), *[losses] * 4), max_size=50
)


def evidence(rows: list[tuple[Any, ...]], cuts: list[int], clustered: bool = True) -> Any:
    """The evidence on rows that come in these batches; a label is missing for both models."""
    table = np.array(rows, float).reshape(-1, 6)
    counts: dict[str, Any] = {"rows": len(rows), "rows_skipped": 0}
    counts["rows_labelled"] = [len(rows)] * 2
    counts["days"] = []
    accumulator = new_accumulator(counts, clustered)
    for part in np.split(table, sorted(cut % (len(rows) + 1) for cut in cuts)):
        keys, times = part[:, 0].astype(np.uint64), (part[:, 1] * DAY).astype(np.int64)
        champion, challenger = part[:, 2:4].copy(), part[:, 4:6].copy()
        champion[np.isnan(challenger)] = challenger[np.isnan(champion)] = np.nan
        one, other = ((loss, loss, np.zeros(len(part), bool)) for loss in (champion, challenger))
        scored = {"champion": one, "challenger": other}
        update(accumulator, times, scored, 0, keys if clustered else None)
    add_clusters(accumulator, 0)
    return make_evidence(accumulator, TARGETS, "y", "absolute")


@settings(deadline=None)
@given(any_rows, st.lists(st.integers(0, 50), max_size=6))
def test_a_cluster_counts_once_with_the_mean_of_its_rows(
    rows: list[tuple[Any, ...]], cuts: list[int]
) -> None:
    found = evidence(rows, cuts)
    frame = pd.DataFrame(rows, columns=["key", "day", "cy", "cw", "hy", "hw"])
    for target in TARGETS:
        difference = frame[f"c{target}"] - frame[f"h{target}"]
        means = difference.groupby(frame["key"]).mean().dropna()
        of = found["targets"][target]
        assert (of["n"], of["rows_compared"]) == (len(means), difference.notna().sum())
        if len(means):
            assert of["mean"] == pytest.approx(means.mean(), abs=1e-9)
            loss = of["champion_loss"] - of["challenger_loss"]
            assert loss == pytest.approx(means.mean(), abs=1e-9)
        if len(means) > 1:
            assert of["variance"] == pytest.approx(means.var(ddof=1), abs=1e-6)
    paired = frame[(frame["cy"] - frame["hy"]).notna()]
    newest = paired.groupby("key")["day"].max().value_counts().sort_index()
    assert [day["n"] for day in found["days"]] == newest.tolist()
    assert sum(day["n"] for day in found["days"]) == found["n"]
    if found["n"]:
        extremes = (paired["cy"] - paired["hy"]).groupby(paired["key"]).mean()
        assert found["smallest"] == pytest.approx(extremes.min(), abs=1e-9)
        assert found["largest"] == pytest.approx(extremes.max(), abs=1e-9)


@settings(deadline=None)
@given(any_rows)
def test_clusters_of_one_row_are_rows(rows: list[tuple[Any, ...]]) -> None:
    alone = [(number, *row[1:]) for number, row in enumerate(rows)]
    clusters, each = evidence(alone, []), evidence(alone, [], clustered=False)
    names = ("n", "rows_compared", "mean", "variance", "smallest", "largest", "champion_loss")
    for name in names:
        expected = each[name]
        assert clusters[name] == (expected and pytest.approx(expected, rel=1e-9, abs=1e-9)), name


def test_rows_of_one_cluster_are_one_unit_without_a_variance() -> None:
    found = evidence([(3, 20_000 + n % 3, 2.0 + n, 1.0, 1.0, 1.0) for n in range(9)], [4])
    assert (found["n"], found["rows_compared"], found["mean"]) == (1, 9, 5.0)
    assert found["variance"] is None
    assert [(day["day"], day["n"]) for day in found["days"]] == [("2024-10-06", 1)]


def test_one_long_cluster_weighs_no_more_than_a_short_one() -> None:
    rows = [(1, 20_000, 3.0, 0.0, 1.0, 0.0)] * 98 + [(2, 20_000, 0.0, 0.0, 1.0, 0.0)]
    assert evidence(rows, [50])["mean"] == pytest.approx((2.0 - 1.0) / 2)
    assert evidence(rows, [50], clustered=False)["mean"] == pytest.approx((98 * 2 - 1) / 99)
