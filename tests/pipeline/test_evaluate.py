from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kfp import dsl
from sklearn.dummy import DummyRegressor

from pipeline.components.evaluate import evaluate
from sandbox.example.linnerud import weeks
from tests.pipeline.conftest import COLUMNS, NOW, train_on


def score(folder: Path, model: Any, rows: pa.Table, **columns: list[str]) -> dsl.Metrics:
    """The metrics of `model` on `rows`."""
    joblib.dump(model, folder / "model.joblib")
    pq.write_table(rows, folder / "rows")
    metrics = dsl.Metrics(uri=str(folder / "metrics"))
    held_out = dsl.Dataset(uri=str(folder / "rows"))
    parameter = evaluate.python_func(
        model=dsl.Model(uri=str(folder)), held_out=held_out, metrics=metrics, **columns
    )
    assert parameter == metrics.metadata["score"]
    return metrics


def test_a_trained_model_passes_well_above_the_gate(
    trained: tuple[dsl.Model, dsl.Dataset], tmp_path: Path
) -> None:
    model, held_out = trained
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    columns = {name: COLUMNS[name] for name in ("feature_columns", "target_columns")}
    evaluate.python_func(model=model, held_out=held_out, metrics=metrics, **columns)
    found = metrics.metadata
    assert found["score"] > 94
    assert found["n_test"] == 400
    targets = ("chins", "situps", "jumps")
    assert found["score"] == pytest.approx(np.mean([found[f"score_{name}"] for name in targets]))
    assert found["mae_chins"] < 1


@pytest.mark.long
def test_every_week_of_the_example_passes_with_a_margin(tmp_path: Path) -> None:
    rows, week = weeks(NOW).drop_columns("measured_at"), dsl.Dataset(uri=str(tmp_path / "week"))
    columns = {name: COLUMNS[name] for name in ("feature_columns", "target_columns")}
    for number in range(12):
        pq.write_table(rows.slice(number * 2_000, 2_000), week.path)
        model, held_out = train_on(week, tmp_path)
        metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
        evaluate.python_func(model=model, held_out=held_out, metrics=metrics, **columns)
        assert metrics.metadata["score"] > 90, number


def test_metrics_are_computed_by_target(tmp_path: Path) -> None:
    rows = pa.table({"b": [1.0, 3.0], "x": [0.0, 0.0], "a": [10.0, 10.5]})
    model = DummyRegressor().fit([[0]], [[10.0, 2.0]])
    metrics = score(tmp_path, model, rows, feature_columns=["x"], target_columns=["a", "b"])
    assert metrics.metadata == pytest.approx(
        {"n_test": 2, "mae_a": 0.25, "score_a": -100, "mae_b": 1, "score_b": 0, "score": -50}
    )


@pytest.mark.filterwarnings("ignore:R\\^2 score is not well-defined")
def test_a_metric_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    rows = pa.table({"x": [0.0], "y": [1.0]})
    model = DummyRegressor().fit([[0]], [[1.0]])
    with pytest.raises(ValueError, match="The metric score is nan on 1 held-out rows: look for"):
        score(tmp_path, model, rows, feature_columns=["x"], target_columns=["y"])
