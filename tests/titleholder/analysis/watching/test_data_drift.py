import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.watching.data_drift import (
    Categories,
    ColumnDrift,
    exceeded,
    parse_data_drift,
    sentence,
)

WAIST: dict[str, Any] = {
    "column": "waist_cm",
    "kind": "number",
    "reason": None,
    "psi": 0.31,
    "expected_psi": 0.001,
    "statistic": 0.22,
    "p_value": 1e-9,
    "n_training": 20_000.0,
    "n_recent": 5_000,
    "missing_training": 0,
    "missing_recent": 0.03,
}
COLOUR = WAIST | {
    "column": "colour",
    "kind": "category",
    "psi": 0.15,
    "new_categories": {"count": 7, "most_frequent": [{"name": n, "rows": 1} for n in "abcdefg"]},
    "missing_categories": {"count": 1, "most_frequent": [{"name": "x\ny", "rows": 4}]},
}
CHINS = WAIST | {"column": "prediction.chins", "psi": 0.25}
SILENT = WAIST | {"column": "pulse", "psi": None, "reason": "there are no rows in the last window"}
RAW = {"columns": [WAIST, COLOUR, SILENT], "predictions": {"reason": None, "columns": [CHINS]}}


def names(columns: tuple[ColumnDrift, ...]) -> list[str]:
    return [column.column for column in columns]


def test_columns_then_predictions_are_parsed() -> None:
    waist, colour, silent, chins = parse_data_drift(RAW)
    assert (waist.psi, waist.n_training, waist.missing_recent) == (0.31, 20_000, 0.03)
    assert waist.new_categories == Categories()
    assert colour.new_categories == Categories(7, tuple("abcdefg"))
    assert math.isnan(silent.psi)
    assert silent.reason == "there are no rows in the last window"
    assert chins.is_prediction
    assert not waist.is_prediction


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from([*COLOUR, *RAW, "count"]), inner, max_size=4)
    ),
)


@given(anything)
def test_any_report_is_parsed(raw: Any) -> None:
    for report in (raw, {"columns": raw}, {"columns": [raw, COLOUR | {"new_categories": raw}]}):
        columns = parse_data_drift(report)
        for column in (*columns, *exceeded(columns, {}, 0.1, 1)):
            assert "\n" not in sentence(column).removeprefix(column.column).replace(
                column.reason, ""
            )


@given(st.dictionaries(st.sampled_from(list(WAIST)), anything))
def test_a_number_is_finite_or_unknown(changes: dict[str, Any]) -> None:
    for column in parse_data_drift({"columns": [WAIST | changes]}):
        for value in (column.psi, column.n_recent, column.missing_training):
            assert not math.isinf(value)


def test_a_column_exceeds_its_own_limit_else_the_common_one() -> None:
    report = parse_data_drift(RAW)
    assert names(exceeded(report, {}, 0.2, 1)) == ["waist_cm", "prediction.chins"]
    assert names(exceeded(report, {}, 0.1, 1)) == ["waist_cm", "prediction.chins", "colour"]
    assert names(exceeded(report, {"waist_cm": 0.5, "colour": 0.1}, 0.2, 1)) == [
        *("prediction.chins", "colour"),
    ]
    assert names(exceeded(report, {"prediction.chins": 0.1}, None, 1)) == ["prediction.chins"]
    assert exceeded(report, {}, None, 1) == ()
    assert exceeded(report, {}, 0.31, 1) == (), "a psi that equals its limit does not exceed it"
    assert {column.limit for column in exceeded(report, {}, 0.2, 1)} == {0.2}


@pytest.mark.parametrize("changes", [{"n_training": 999}, {"n_recent": 999}, {"n_recent": None}])
def test_too_few_rows_never_exceed(changes: dict[str, Any]) -> None:
    report = parse_data_drift({"columns": [WAIST | changes]})
    assert exceeded(report, {"waist_cm": 0.0}, 0.0, 1_000) == ()
    assert exceeded(parse_data_drift(RAW), {}, 0.0, 5_000)


def test_a_column_is_described_in_plain_words() -> None:
    report = parse_data_drift(RAW)
    (waist, *_) = exceeded(report, {}, 0.2, 1)
    assert sentence(waist) == (
        "waist_cm: PSI 0.31 (limit 0.2), Kolmogorov-Smirnov 0.22; 3 % missing, 0 % in training"
    )
    assert sentence(report[1]) == (
        "colour: PSI 0.15, total variation distance 0.22; 3 % missing, 0 % in training; "
        "new: 'a', 'b', 'c', 'd', 'e' and 2 more; no longer: 'x\\ny'"
    )
    assert sentence(report[2]) == "pulse: not compared: there are no rows in the last window"
    assert sentence(report[3]) == (
        "prediction.chins: PSI 0.25, Kolmogorov-Smirnov 0.22; 3 % missing, 0 % in the first days"
    )
    few = parse_data_drift({"columns": [WAIST | {"statistic": None, "missing_recent": 1e-5}]})
    assert sentence(few[0]) == "waist_cm: PSI 0.31; 0.1 % missing, 0 % in training"
