"""Data drift of predictions: request-response logs in the sandbox's BigQuery, as Vertex AI writes
them, and what is in them that is no prediction."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.cloud import bigquery
from kfp import dsl

from pipeline.watch_steps.request_log import prediction_batches, predictions_of
from sandbox.vertex.prediction.tables import SCHEMA
from tests.conftest import Sandbox
from tests.pipeline.duel_steps import run_step
from tests.pipeline.duels import ANONYMOUS, END, START, Duels
from tests.pipeline.watches import SPEC, watch_parameters

ENDPOINT, DEPLOYED = "123", "4567890123"
DAYS = END - START
FIRST = START - 2 * DAYS
Report = Callable[..., dict[str, Any]]


def rows(predictions: list[Any], begin: datetime, **changes: Any) -> list[dict[str, Any]]:
    """Rows of a log within a day, one for each response."""
    return [
        {
            "endpoint": ENDPOINT,
            "deployed_model_id": DEPLOYED,
            "logging_time": (begin + timedelta(seconds=number)).isoformat(),
            "request_id": number,
            "request_payload": ["[1, 2]"],
            "response_payload": [
                text if isinstance(text, str) else json.dumps(text) for text in texts
            ],
        }
        | changes
        for number, texts in enumerate(predictions)
    ]


@pytest.fixture(scope="module")
def duels(sandbox: Sandbox) -> Duels:
    return Duels(sandbox)


@pytest.fixture(scope="module")
def put(duels: Duels) -> Callable[..., str]:
    """Creates a log of these rows; returns its name."""

    def put_log(*parts: list[dict[str, Any]], name: str, columns: Any = SCHEMA) -> str:
        table = f"{duels.project}.duel_tests.{name}"
        host = duels.sandbox.env["BIGQUERY_EMULATOR_HOST"]
        options = {"client_options": {"api_endpoint": host}, "credentials": ANONYMOUS}
        with bigquery.Client(duels.project, **options) as client:
            client.create_dataset(f"{duels.project}.duel_tests", exists_ok=True)
            fields = [bigquery.SchemaField(*column) for column in columns]
            client.create_table(bigquery.Table(table, fields))
            for part in parts:
                assert not client.insert_rows_json(table, part)
        return table

    return put_log


@pytest.fixture(scope="module")
def report(duels: Duels, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Runs the compiled step; the result is what it reports on predictions."""

    def run(log: str, **changes: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "drift_columns": [],
            "request_log": log,
            "endpoint": f"projects/1/locations/us-central1/endpoints/{ENDPOINT}",
            "deployed_model_id": DEPLOYED,
            "reference_start": FIRST.isoformat(),
        }
        given = watch_parameters(duels, "p.d.t", **known | changes)
        declared = SPEC["root"]["inputDefinitions"]["parameters"]
        given = {n: d["defaultValue"] for n, d in declared.items() if "defaultValue" in d} | given
        found = dsl.Artifact(uri=str(tmp_path_factory.mktemp("drift") / "report"))
        with duels.variables():
            run_step(SPEC, "compare-distributions", given, report=found)
        return dict(found.metadata["data_drift"]["predictions"])

    return run


def test_numbers_of_the_last_window_are_compared_with_those_of_the_first_days(
    put: Callable[..., str], report: Report
) -> None:
    rng = np.random.default_rng(1)
    old, new, between = rng.normal(0, 1, 400), rng.normal(2, 1, 300), rng.normal(9, 1, 100)
    log = put(
        rows([[value, value + 1] for value in old], FIRST),
        rows([[value] for value in between], FIRST + DAYS),
        # A log has the endpoint's resource name or its id.
        rows([[value] for value in new], START, endpoint=f"projects/1/endpoints/{ENDPOINT}"),
        rows([[99.0]] * 50, START, endpoint="9123"),
        rows([[99.0]] * 50, START, deployed_model_id="1"),
        rows([[99.0]] * 50, END),
        name="numbers",
    )
    found = report(log)
    assert found["reason"] is None
    assert found["unreadable"] == 0
    assert found["reference_end"] == "2026-02-20T06:00:00Z"
    (column,) = found["columns"]
    assert (column["column"], column["kind"]) == ("prediction.y", "number")
    assert (column["n_training"], column["n_recent"]) == (800, 300)
    assert column["bins"]["edges"][-1] < 5
    assert column["psi"] > 0.5
    assert report(log, drift_rows=150)["columns"][0]["n_training"] == 150


def test_each_target_has_predictions_and_strings_are_categories(
    put: Callable[..., str], report: Report
) -> None:
    old = [[[number, "low"]] for number in range(100)] + [[[1, "high"]]] * 100
    new = [[[number, "none"]] for number in range(200)]
    log = put(rows(old, FIRST), rows(new, START), name="targets")
    found = report(log, target_columns=["y", "kind"])
    number, kind = found["columns"]
    assert (number["column"], number["kind"]) == ("prediction.y", "number")
    assert (kind["column"], kind["kind"]) == ("prediction.kind", "category")
    assert kind["categories"]["names"] == ["high", "low"]
    assert kind["new_categories"] == {"count": 1, "most_frequent": [{"name": "none", "rows": 200}]}
    assert kind["missing_categories"]["count"] == 2


def test_what_is_no_prediction_is_counted(put: Callable[..., str], report: Report) -> None:
    bad = ["", "{", '{"error": 3}', "[1, 2]", "[[[1]]]", "[" * 100_000, '{"predictions": 1}']
    log = put(
        rows([[1.5]] * 50 + [[None]] * 10 + [[text] for text in bad] + [[]], FIRST),
        rows([['{"predictions": [1.5, [2.5], null]}'], ["1" * 400], ["NaN"], ["true"]], START),
        name="bad",
    )
    found = report(log, target_columns=["y"])
    # "[1, 2]" are two predictions of one target.
    assert found["unreadable"] == len(bad) - 1
    (column,) = found["columns"]
    assert (column["n_training"], column["n_recent"]) == (62, 6)
    assert column["missing_training"] == pytest.approx(10 / 62)
    assert column["missing_recent"] == pytest.approx(4 / 6)


def test_windows_that_overlap_are_not_compared(report: Report) -> None:
    found = report("no_project.no_dataset.no_table", reference_start=START.isoformat())
    assert found["reason"] == (
        "the last window and the first days of the champion, as many, overlap: its predictions "
        "can be compared with a window from 2026-03-12T00:00:00Z on"
    )
    assert found["columns"] == []
    assert report("p.d.t", reference_start="")["reason"].startswith("it is not known since when")
    assert report("p.d.t", labels_until=START.isoformat())["reason"] == "the last window is empty"


def test_without_requests_in_a_window_there_is_a_reason(
    put: Callable[..., str], report: Report
) -> None:
    found = report(put(rows([[1.0]] * 20, FIRST), name="silent"))
    assert found["reason"] is None
    (column,) = found["columns"]
    assert column["reason"] == "there are no rows in the last window"
    found = report(put(rows([[1.0]] * 20, START), name="young"))
    assert found["columns"][0]["reason"] == "there are no rows in the first window"


def test_a_log_that_cannot_be_read_is_a_reason(
    duels: Duels, put: Callable[..., str], report: Report
) -> None:
    absent = report(f"{duels.project}.duel_tests.absent")
    assert absent["reason"].startswith(f"the request log {duels.project}.duel_tests.absent cannot")
    assert "does not exist" in absent["reason"]
    assert (
        report("no table")["reason"]
        == "'no table' is no table: name request_log project.dataset.table"
    )
    other = [("endpoint", "STRING"), ("logging_time", "TIMESTAMP")]
    found = report(put(name="other", columns=other))
    assert "has no column deployed_model_id as Vertex AI's request-response log" in found["reason"]
    assert found["columns"] == []


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("1.5", 1, [[1.5]]),
        ("[1.5]", 1, [[1.5]]),
        ("[1, 2, 3]", 1, [[1], [2], [3]]),
        ("[1, 2, 3]", 3, [[1, 2, 3]]),
        ("[[1, 2], [3, 4]]", 2, [[1, 2], [3, 4]]),
        ("[[1], [2]]", 1, [[1], [2]]),
        ("[[1, 2]]", 2, [[1, 2]]),
        ('{"predictions": [[1, 2]]}', 2, [[1, 2]]),
        ('{"predictions": ["a", "b"], "modelVersionId": "3"}', 1, [["a"], ["b"]]),
        ("null", 1, [[None]]),
        ("[]", 1, []),
    ],
)
def test_a_response_is_one_prediction_or_several(text: str, width: int, expected: Any) -> None:
    assert predictions_of(text, width) == expected


@pytest.mark.parametrize(
    "text", [None, "", "nul", "3", "[1]", "[1, [2, 3]]", '{"a": 1}', "[{}, 2]"]
)
def test_anything_else_is_no_prediction_of_two_targets(text: str | None) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        predictions_of(text, 2)


def test_a_value_is_a_number_or_a_text() -> None:
    texts = ["1", "2.5", "true", '"a"', "null", "1e999", "9" * 400, '"' + "é" * 300 + '"']
    times = pa.array([0], pa.timestamp("us", tz="UTC"))
    batch = pa.record_batch({"logging_time": times, "response_payload": [texts]})
    unreadable: list[int] = []
    (found,) = prediction_batches([batch], 1, unreadable)
    assert unreadable == [0]
    assert found["number 0"].to_pylist() == [1, 2.5, *[None] * 6]
    assert found["text 0"].to_pylist() == [None, None, "true", "a", *[None] * 3, "é" * 100]
