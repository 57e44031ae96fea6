"""Data drift as the watch job's step reports it, against statistics computed here in another way,
and with data of every kind that a source may have."""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from kfp import dsl
from scipy.stats import chi2_contingency, ks_2samp

from pipeline.watch_steps.columns import drift_kinds, shortened, typed_columns
from tests.conftest import Sandbox
from tests.pipeline.duel_steps import run_step
from tests.pipeline.duels import END, START, Duels
from tests.pipeline.watches import SPEC, watch_parameters

BEGIN = START - timedelta(days=7)
OLD, NEW = 4_000, 3_000
RNG = np.random.default_rng(23)
ALL = OLD + NEW
IS_NEW = np.arange(ALL) >= OLD
NUMBERS = RNG.normal(0, 1, ALL)
COLOURS = np.where(
    IS_NEW,
    RNG.choice(["red", "blue", "grün"], ALL, p=[0.6, 0.3, 0.1]),
    RNG.choice(["red", "blue", "mauve"], ALL, p=[0.5, 0.4, 0.1]),
)


def spaced(count: int, begin: Any, end: Any) -> list[Any]:
    return [begin + (end - begin) * n / count for n in range(count)]


TIMES = [*spaced(OLD, BEGIN, START), *spaced(NEW, START, END)]
VALUES: dict[str, Any] = {
    "at": pa.array(TIMES, pa.timestamp("us", tz="UTC")),
    "same": NUMBERS,
    "moved": NUMBERS + 0.5 * IS_NEW,
    "tied": np.where(RNG.random(ALL) < np.where(IS_NEW, 0.3, 0.6), 0.0, np.abs(NUMBERS)),
    "fixed": np.where(IS_NEW, 3.0, 5.0),
    "whole": RNG.poisson(3, ALL),
    "holes": np.where(RNG.random(ALL) < np.where(IS_NEW, 0.2, 0.05), np.nan, NUMBERS),
    "wild": np.where(np.arange(ALL) % 10 == 0, np.inf, np.sign(NUMBERS) * 1.7e308),
    "gone": pa.array(NUMBERS, mask=IS_NEW),
    "colour": pa.array(COLOURS, mask=np.arange(ALL) % 50 == 0),
    "flag": pa.array(RNG.random(ALL) < np.where(IS_NEW, 0.3, 0.5)),
    "letters": pa.array(np.array(list("abcdefghijklmnopqrstuvwxyz"))[np.arange(ALL) % 26]),
    "identifier": pa.array([f"{n:05}" + "x" * 200 for n in range(ALL)]),
}
TABLE = pa.table(VALUES)
DRIFT = [name for name in TABLE.schema.names if name != "at"]
Drift = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def duels(sandbox: Sandbox) -> Duels:
    return Duels(sandbox)


@pytest.fixture(scope="module")
def drift(duels: Duels, tmp_path_factory: pytest.TempPathFactory) -> Drift:
    """Runs the compiled step on a table; the result is the content of its file."""

    def run(table: str, **changes: Any) -> dict[str, Any]:
        interval = {"champion_data_interval_start": BEGIN.isoformat()}
        given = watch_parameters(duels, table, **interval | {"drift_columns": DRIFT} | changes)
        declared = SPEC["root"]["inputDefinitions"]["parameters"]
        given = {n: d["defaultValue"] for n, d in declared.items() if "defaultValue" in d} | given
        report = dsl.Artifact(uri=str(tmp_path_factory.mktemp("drift") / "report"))
        with duels.variables():
            run_step(SPEC, "compare-distributions", given, report=report)
        found: dict[str, Any] = json.loads(Path(report.path).read_text())
        assert found == report.metadata["data_drift"]
        return found

    return run


@pytest.fixture(scope="module")
def whole(duels: Duels, drift: Drift) -> dict[str, Any]:
    """The report on all rows."""
    return drift(duels.put_table(TABLE))


def column(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in report["columns"] if one["column"] == name)
    return dict(found)


def halves(name: str) -> tuple[list[Any], list[Any]]:
    values = TABLE[name].to_pylist()
    return values[:OLD], values[OLD:]


def index_of(one: Sequence[float], other: Sequence[float]) -> float:
    """The population stability index of two lists of parts."""
    floored = [(max(p, 1e-4), max(q, 1e-4)) for p, q in zip(one, other, strict=True) if p + q]
    return sum((q - p) * math.log(q / p) for p, q in floored)


@pytest.mark.parametrize("name", ["same", "moved"])
def test_the_index_of_numbers_is_that_of_their_deciles(whole: dict[str, Any], name: str) -> None:
    old, new = halves(name)
    deciles = sorted(old)[OLD // 10 - 1 :: OLD // 10][:9]
    parts = [
        [
            sum(low < value <= high for value in values) / len(values)
            for low, high in zip([-math.inf, *deciles], [*deciles, math.inf], strict=True)
        ]
        for values in (old, new)
    ]
    assert parts[0] == pytest.approx([0.1] * 10)
    found = column(whole, name)
    assert found["bins"]["edges"] == deciles
    assert found["bins"]["training"] == pytest.approx(parts[0])
    assert found["bins"]["recent"] == pytest.approx(parts[1])
    assert found["psi"] == pytest.approx(index_of(*parts))
    assert found["expected_psi"] == pytest.approx(9 * (1 / OLD + 1 / NEW))
    assert (found["psi"] > 0.2) == (name == "moved")
    assert (found["n_training"], found["n_recent"]) == (OLD, NEW)


@pytest.mark.parametrize("name", ["same", "moved", "tied", "fixed", "whole", "holes"])
def test_the_statistic_of_numbers_is_that_of_scipy(whole: dict[str, Any], name: str) -> None:
    finite = [[value for value in half if math.isfinite(value)] for half in halves(name)]
    expected = ks_2samp(*finite, method="asymp")
    found = column(whole, name)
    assert found["statistic"] == pytest.approx(expected.statistic, rel=1e-12)
    assert found["p_value"] == pytest.approx(expected.pvalue, abs=0.01)


def test_the_index_without_drift_is_about_what_is_expected(drift: Drift, duels: Duels) -> None:
    """Its mean over many columns of one distribution."""
    names = [f"c{n}" for n in range(40)]
    rng = np.random.default_rng(5)
    table = pa.table({"at": VALUES["at"]} | {name: rng.normal(size=ALL) for name in names})
    columns = drift(duels.put_table(table), drift_columns=names)["columns"]
    mean = np.mean([one["psi"] for one in columns])
    # A chi-square of 9 degrees has the standard deviation sqrt(18).
    error = columns[0]["expected_psi"] / 9 * math.sqrt(18 / 40)
    assert mean == pytest.approx(columns[0]["expected_psi"], abs=4 * error)
    assert 0 < sum(one["p_value"] < 0.25 for one in columns) < 25


def test_a_frequent_value_has_a_bin_of_its_own(whole: dict[str, Any]) -> None:
    tied = column(whole, "tied")
    old, new = halves("tied")
    for part, values in (("training", old), ("recent", new)):
        zero = values.count(0.0) / len(values)
        assert tied["bins"][part][:2] == pytest.approx([0.0, zero])
    assert tied["bins"]["edges"][1] == 0
    assert tied["psi"] > 0.2
    fixed = column(whole, "fixed")
    # Below 5, 5, above 5: an empty bin counts as a ten-thousandth.
    assert fixed["psi"] == pytest.approx(2 * (1 - 1e-4) * math.log(1e4))
    assert fixed["bins"]["recent"] == [1, 0, 0]
    assert len(column(whole, "whole")["bins"]["edges"]) <= 9
    assert column(whole, "whole")["psi"] < 0.02


def test_missing_values_are_a_bin(whole: dict[str, Any]) -> None:
    old, new = halves("holes")
    found = column(whole, "holes")
    parts = [sum(map(math.isnan, half)) / len(half) for half in (old, new)]
    assert [found["missing_training"], found["missing_recent"]] == pytest.approx(parts)
    bins = [
        [*found["bins"][which], part]
        for which, part in zip(("training", "recent"), parts, strict=True)
    ]
    assert [sum(one) for one in bins] == pytest.approx([1, 1])
    assert found["psi"] == pytest.approx(index_of(*bins))
    assert found["expected_psi"] == pytest.approx(10 * (1 / OLD + 1 / NEW))
    wild = column(whole, "wild")
    assert wild["missing_training"] == pytest.approx(0.1), "infinity is missing"
    assert 0 <= wild["psi"] < 0.02


def test_a_column_without_any_value_in_one_window_has_an_index(whole: dict[str, Any]) -> None:
    gone = column(whole, "gone")
    assert gone["missing_recent"] == 1
    assert gone["psi"] > 5
    assert gone["statistic"] is gone["p_value"] is None


@pytest.mark.parametrize("name", ["colour", "flag"])
def test_categories_are_compared_by_their_parts(whole: dict[str, Any], name: str) -> None:
    texts = [[str(v).lower() if isinstance(v, bool) else v for v in half] for half in halves(name)]
    counts = [Counter(half) for half in texts]
    every = sorted({*counts[0], *counts[1]}, key=str)
    table = [[count[value] for value in every] for count in counts]
    parts = [[n / sum(row) for n in row] for row in table]
    found = column(whole, name)
    assert found["kind"] == "category"
    assert found["psi"] == pytest.approx(index_of(*parts))
    assert found["statistic"] == pytest.approx(
        sum(abs(p - q) for p, q in zip(*parts, strict=True)) / 2
    )
    assert found["p_value"] == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert found["missing_recent"] == pytest.approx(counts[1][None] / NEW)
    frequent = [value for value, _ in counts[0].most_common() if value is not None]
    assert found["categories"]["names"] == frequent
    for which, count in zip(("training", "recent"), counts, strict=True):
        expected = [count[value] / count.total() for value in frequent]
        assert found["categories"][which][:-1] == pytest.approx(expected)


def test_new_and_missing_categories_are_named(whole: dict[str, Any]) -> None:
    found = column(whole, "colour")
    for key, name, half in (
        ("new_categories", "grün", halves("colour")[1]),
        ("missing_categories", "mauve", halves("colour")[0]),
    ):
        named = {"name": name, "rows": half.count(name)}
        assert found[key] == {"count": 1, "most_frequent": [named]}
    none = {"count": 0, "most_frequent": []}
    assert column(whole, "flag")["new_categories"] == none
    letters = column(whole, "letters")
    assert letters["new_categories"] == none, "of 26 letters 20 have a part of their own"
    assert len(letters["categories"]["names"]) == 20
    assert len(letters["categories"]["recent"]) == 21
    assert letters["categories"]["recent"][-1] == pytest.approx(6 / 26, abs=0.01)


def test_of_many_new_categories_twenty_are_named(whole: dict[str, Any]) -> None:
    found = column(whole, "identifier")
    assert found["new_categories"]["count"] == NEW
    assert len(found["new_categories"]["most_frequent"]) == 20
    assert {len(one["name"]) for one in found["new_categories"]["most_frequent"]} == {100}


def test_more_values_than_can_be_counted_are_no_categories(duels: Duels, drift: Drift) -> None:
    count = 10_001
    table = pa.table(
        {
            "at": pa.array([BEGIN + timedelta(seconds=n) for n in range(count)] + [START] * 2),
            "id": [*map(str, range(count)), "new", "other"],
        }
    ).cast(pa.schema([("at", pa.timestamp("us", tz="UTC")), ("id", pa.string())]))
    found = column(drift(duels.put_table(table), drift_columns=["id"]), "id")
    assert found["new_categories"] is found["missing_categories"] is None
    assert found["psi"] is not None


def test_a_sample_is_the_same_in_another_order_and_batch_size(duels: Duels, drift: Drift) -> None:
    names = ["same", "moved", "holes", "colour"]
    order = np.random.default_rng(2).permutation(ALL)
    one, other = (
        drift(duels.put_table(table), drift_columns=names, drift_rows=500, batch_size=size)
        for table, size in ((TABLE, 10_000), (TABLE.take(order), 77))
    )
    assert one == other
    assert (one["rows_training"], one["rows_recent"]) == (OLD, NEW)
    assert {(c["n_training"], c["n_recent"]) for c in one["columns"]} == {(500, 500)}
    assert column(one, "same")["psi"] < 3 * column(one, "same")["expected_psi"]
    assert column(one, "moved")["psi"] > 0.1
    assert column(one, "colour")["new_categories"]["most_frequent"] == [
        {"name": "grün", "rows": halves("colour")[1].count("grün")}
    ], "categories are those of all rows"


def test_a_sample_of_equal_rows_has_their_parts(duels: Duels, drift: Drift) -> None:
    """All rows of a day have one time, and the column has two values."""
    days = [BEGIN] * OLD + [START] * NEW
    table = pa.table({"at": pa.array(days, TABLE.schema.field("at").type), "flag": TABLE["flag"]})
    found = drift(duels.put_table(table), drift_columns=["flag"], drift_rows=1_000)["columns"][0]
    assert (found["n_training"], found["n_recent"]) == (1_000, 1_000)
    for which, half in (("training", halves("flag")[0]), ("recent", halves("flag")[1])):
        parts = dict(
            zip(found["categories"]["names"], found["categories"][which][:-1], strict=True)
        )
        assert parts["true"] == pytest.approx(sum(half) / len(half), abs=4 * 0.5 / 1_000**0.5)


def test_a_training_window_whose_rows_were_deleted_is_a_reason(duels: Duels, drift: Drift) -> None:
    found = drift(duels.put_table(TABLE.slice(OLD)))
    assert found["rows_training"] == 0
    for one in found["columns"]:
        assert one["reason"] == "there are no rows in the training window"
        assert one["psi"] is one["statistic"] is one["missing_training"] is None
        assert (one["n_training"], one["n_recent"]) == (0, NEW)


def test_an_empty_table_is_a_reason(duels: Duels, drift: Drift) -> None:
    found = drift(duels.put_table(TABLE.slice(0, 0)))
    reasons = {one["reason"] for one in found["columns"]}
    assert reasons == {"there are no rows in the training and the last window"}


def test_rows_after_labels_until_count_up_to_drift_until(duels: Duels, drift: Drift) -> None:
    middle = (START + (END - START) / 2).isoformat()
    table = duels.put_table(TABLE)
    assert drift(table, labels_until=middle)["rows_recent"] == NEW / 2
    found = drift(table, labels_until=middle, drift_until=END.isoformat())
    assert found["rows_recent"] == NEW
    assert found["recent_end"] == "2026-03-12T00:00:00Z"


def test_without_columns_nothing_is_read(drift: Drift) -> None:
    found = drift("no_project.no_dataset.no_table", drift_columns=[])
    assert (found["columns"], found["rows_training"], found["rows_recent"]) == ([], None, None)
    assert found["predictions"]["reason"] == "no request log is given"


def test_a_number_of_any_type_is_compared(duels: Duels, drift: Drift) -> None:
    exact = TABLE["whole"].cast(pa.decimal128(38, 9))
    table = pa.table({"at": TABLE["at"], "whole": TABLE["whole"], "exact": exact})
    one, other = drift(duels.put_table(table), drift_columns=["whole", "exact"])["columns"]
    assert one | {"column": "exact"} == other
    big = exact.cast(pa.decimal256(76, 38)).combine_chunks()
    batch = pa.record_batch({"at": VALUES["at"], "big": big})
    (typed,) = typed_columns([batch], drift_kinds(batch.schema, "p.d.t", "at", ["big"]))
    assert typed["big"].to_pylist() == TABLE["whole"].to_pylist()


def test_a_large_report_is_shortened_by_details_then_by_columns() -> None:
    columns = [
        {"column": f"c{n}", "psi": None if n == 7 else n / 10, "bins": {"edges": [0.1] * 9}}
        for n in range(30)
    ]
    report = {"drift_rows": 9, "columns": columns}
    assert shortened(report, 10_000) is report
    size = len(json.dumps(report))
    less = shortened(report, size - 1)
    assert less["columns_omitted"] == 0
    assert {one["column"] for one in less["columns"]} == {f"c{n}" for n in range(30)}
    assert all("bins" not in one for one in less["columns"])
    least = shortened(report, 600)
    assert len(json.dumps(least)) <= 600
    assert [one["column"] for one in least["columns"][:3]] == ["c29", "c28", "c27"]
    assert least["columns_omitted"] == 30 - len(least["columns"]) > 0
