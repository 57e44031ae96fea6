import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kfp import dsl
from sklearn.dummy import DummyRegressor

from model_server.examples import EXAMPLES, check_examples
from model_server.predictors import load_predictor
from pipeline.components.evaluate import evaluate
from sandbox.example.linnerud import weeks
from tests.pipeline.conftest import COLUMNS, NOW, train_on


def score(folder: Path, model: Any, rows: pa.Table, **columns: list[str]) -> dsl.Metrics:
    """The metrics of `model` on `rows`."""
    joblib.dump(model, folder / "model.joblib")
    pq.write_table(rows, folder / "rows")
    held_out = dsl.Dataset(uri=str(folder / "rows"))
    return evaluated(dsl.Model(uri=str(folder)), held_out, folder, columns)


def evaluated(
    model: dsl.Model, held_out: dsl.Dataset, folder: Path, columns: dict[str, list[str]]
) -> dsl.Metrics:
    """The metrics of a model; the examples are in the file EXAMPLES of the folder."""
    metrics = dsl.Metrics(uri=str(folder / "metrics"))
    examples = dsl.Artifact(uri=str(folder / EXAMPLES))
    parameter = evaluate.python_func(
        model=model, held_out=held_out, metrics=metrics, examples=examples, **columns
    )
    assert parameter == metrics.metadata["score"]
    return metrics


def test_a_trained_model_passes_well_above_the_gate(
    trained: tuple[dsl.Model, dsl.Dataset], tmp_path: Path
) -> None:
    model, held_out = trained
    columns = {name: COLUMNS[name] for name in ("feature_columns", "target_columns")}
    found = evaluated(model, held_out, tmp_path, columns).metadata
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
        metrics = evaluated(model, held_out, tmp_path, columns)
        assert metrics.metadata["score"] > 90, number


def test_metrics_are_computed_by_target(tmp_path: Path) -> None:
    rows = pa.table({"b": [1.0, 3.0], "x": [0.0, 0.0], "a": [10.0, 10.5]})
    model = DummyRegressor().fit([[0]], [[10.0, 2.0]])
    metrics = score(tmp_path, model, rows, feature_columns=["x"], target_columns=["a", "b"])
    assert metrics.metadata == pytest.approx(
        {"n_test": 2, "mae_a": 0.25, "score_a": -100, "mae_b": 1, "score_b": 0, "score": -50}
    )


def test_the_examples_are_those_that_the_model_server_checks(
    trained: tuple[dsl.Model, dsl.Dataset], tmp_path: Path
) -> None:
    model, held_out = trained
    columns = {name: COLUMNS[name] for name in ("feature_columns", "target_columns")}
    evaluated(model, held_out, tmp_path, columns)
    predictor = load_predictor(Path(model.path))
    assert check_examples(predictor, tmp_path, "the model") == 8
    recorded = json.loads((tmp_path / EXAMPLES).read_text())
    first = pq.read_table(held_out.path).slice(0, 1).to_pylist()[0]
    assert recorded["instances"][0] == [first[name] for name in columns["feature_columns"]]


def test_a_model_is_scored_by_the_predictor_of_its_artifact(tmp_path: Path) -> None:
    """The class multiplies the model's predictions by ten."""
    (tmp_path / "predictor.json").write_text('{"class": "tenfold.Tenfold"}')
    (tmp_path / "tenfold.py").write_text(
        "import pathlib, joblib\n"
        "class Tenfold:\n"
        "    def load(self, artifacts_uri):\n"
        "        self.model = joblib.load(pathlib.Path(artifacts_uri, 'model.joblib'))\n"
        "    def preprocess(self, prediction_input):\n"
        "        return [row for row in prediction_input['instances'] if isinstance(row, list)]\n"
        "    def predict(self, instances):\n"
        "        return 10 * self.model.predict(instances)\n"
        "    def postprocess(self, prediction_results):\n"
        "        return {'predictions': prediction_results.tolist()}\n"
    )
    rows = pa.table({"x": [0.0, 1.0, 2.0], "y": [10.0, 20.0, 60.0]})
    model = DummyRegressor().fit([[0]], [3.0])
    metrics = score(tmp_path, model, rows, feature_columns=["x"], target_columns=["y"])
    assert metrics.metadata["mae_y"] == pytest.approx(20.0)
    assert json.loads((tmp_path / EXAMPLES).read_text())["predictions"] == [30.0, 30.0, 30.0]


@pytest.mark.filterwarnings("ignore:R\\^2 score is not well-defined")
def test_a_metric_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    rows = pa.table({"x": [0.0], "y": [1.0]})
    model = DummyRegressor().fit([[0]], [[1.0]])
    with pytest.raises(ValueError, match="The metric score is nan on 1 held-out rows: look for"):
        score(tmp_path, model, rows, feature_columns=["x"], target_columns=["y"])
