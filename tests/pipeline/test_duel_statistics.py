import io
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from model_server.predictors import ArrayPredictor
from pipeline.duel_steps.accumulator import (
    bin_counts,
    bin_edges,
    merge,
    moments,
    new_accumulator,
    skewness,
    update,
    variance,
)
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.losses import losses
from pipeline.duel_steps.predictions import check_model, predict, predictions_schema
from pipeline.duel_steps.report.charts import even_bins

RNG = np.random.default_rng(5)
X = RNG.normal(size=(400, 2))
NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1e6)


def scored(model: Any, loss: str, features: Any, labels: Any) -> tuple[Any, Any, Any]:
    """The losses of the challenger's predictions, which are written to Parquet and read again;
    `labels` is an array, rows x targets, with NaN or None for a missing label."""
    predictor = ArrayPredictor(lambda _: model)
    predictor.load("")
    names = [f"target {number}" for number in range(labels.shape[1])]
    schema = predictions_schema(model, "challenger", loss, names)
    batch = predict(predictor, "challenger", loss, features, schema)
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_batches([batch]), parquet)
    columns = [pa.array(column.tolist(), from_pandas=True) for column in labels.T]
    return losses(loss, pq.read_table(parquet), pa.table(columns, names))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.sampled_from([0.0, 1e9]),
)
def test_moments_merge_as_if_they_were_taken_at_once(
    values: list[float], cuts: list[int], offset: float
) -> None:
    array = np.array(values) + offset
    merged = (0, 0.0, 0.0, 0.0)
    for part in np.split(array, sorted(min(cut, len(array)) for cut in cuts)):
        merged = merge(merged, moments(part))
    assert merged[0] == len(array)
    assert merged[1] == pytest.approx(array.mean(), rel=1e-12, abs=1e-9)
    exact = array.var(ddof=1)
    assert variance(merged) == pytest.approx(exact, rel=1e-6, abs=1e-12 * (1 + offset))
    if array.std() > 1e-3 * (1 + offset * 1e-6):
        cubes = ((array - array.mean()) ** 3).mean() / array.std() ** 3
        assert skewness(merged) == pytest.approx(cubes, abs=1e-4)


def test_a_variance_needs_two_numbers() -> None:
    assert variance(moments(np.array([]))) is None
    assert variance(moments(np.array([4.0]))) is None
    assert variance(moments(np.array([4.0, 4.0]))) == 0
    assert skewness(moments(np.array([4.0]))) is None
    assert skewness(moments(np.array([4.0, 4.0]))) == 0
    # Of 0, 0, 3: mean 1, deviations -1, -1, 2: (6 / 3) / (6 / 3)^1.5 = 1 / sqrt(2).
    assert skewness(moments(np.array([0.0, 0.0, 3.0]))) == pytest.approx(0.7071068)


@pytest.mark.parametrize("loss_name", ["absolute", "squared"])
def test_losses_of_regressors_are_in_the_targets_unit(loss_name: str) -> None:
    labels = np.column_stack([X.sum(axis=1) + 1, X[:, 0] * 7])
    model = LinearRegression().fit(X, labels[:, ::-1])
    labels[5, 1] = np.nan
    loss, residual, invalid = scored(model, loss_name, X, labels)
    expected = labels - model.predict(X)
    np.testing.assert_array_equal(residual, expected)
    np.testing.assert_allclose(loss, abs(expected) if loss_name == "absolute" else expected**2)
    assert np.isnan(loss[5, 1])
    assert not invalid.any()


def test_a_regressor_of_one_target_may_return_a_1d_array() -> None:
    model = LinearRegression().fit(X, X[:, 0])
    loss, _, _ = scored(model, "absolute", X, X[:, :1] + 1)
    np.testing.assert_allclose(loss, np.ones((400, 1)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e200])
def test_an_invalid_prediction_is_counted_and_excluded_from_the_means(wrong: float) -> None:
    model = LinearRegression().fit(X, X)
    model.intercept_ = np.array([0.0, wrong])  # the primary target's predictions are valid
    labels = np.column_stack([X[:, 0], np.full(400, np.nan)])
    labels[:100, 1] = 1.0
    result = scored(model, "squared", X, labels)
    assert result[2].sum() == (100 if wrong == 1e200 else 400)
    valid = scored(LinearRegression().fit(X, X), "squared", X, labels)
    counts: dict[str, Any] = {"rows": 400.0, "rows_skipped": 0.0, "rows_labelled": [400.0, 100.0]}
    counts["days"] = []
    accumulator = new_accumulator(counts)
    both = {"champion": valid, "challenger": result}
    update(accumulator, np.full(400, NOON), both, 0)
    evidence = make_evidence(accumulator, ["a", "b"], "a", "squared")
    json.dumps(evidence, allow_nan=False)
    assert evidence["challenger_invalid_predictions"] == result[2].sum()
    assert evidence["n"] == 400 - result[2].sum()
    assert evidence["champion_invalid_predictions"] == evidence["targets"]["b"]["n"] == 0
    assert evidence["targets"]["b"]["mean"] is None


def classes(of: Any) -> Any:
    return np.array([["low", "high"][int(value > 0)] for value in of], object)


def test_log_loss_is_that_of_scikit_learn_for_each_of_several_targets() -> None:
    labels = np.column_stack([classes(X[:, 0] + RNG.normal(size=400)), classes(X[:, 1] * -1)])
    model = MultiOutputClassifier(GaussianNB()).fit(X, labels)
    loss, probability, invalid = scored(model, "log_loss", X, labels)
    for target, table in enumerate(model.predict_proba(X)):
        expected = log_loss(labels[:, target].astype(str), table)
        assert loss[:, target].mean() == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(loss, -np.log(probability))
    assert not invalid.any()


def test_the_log_loss_of_an_unknown_class_is_large_but_finite() -> None:
    model = DecisionTreeClassifier().fit(X, X[:, 0] > 0)
    labels = np.array([[True], [None], [False]], object)
    model.classes_ = np.array([True, "other"], object)
    loss, _, invalid = scored(model, "log_loss", X[:3], labels)
    assert loss[2, 0] == pytest.approx(-np.log(1e-15))
    assert np.isnan(loss[1, 0])
    assert not invalid.any()


def test_zero_one_loss_counts_the_errors_of_predict() -> None:
    labels = classes(X[:, 0] + RNG.normal(size=400)).reshape(-1, 1)
    model = GaussianNB().fit(X, labels[:, 0].astype(str))
    labels[3] = None
    loss, _, invalid = scored(model, "zero_one", X, labels)
    has_label = np.arange(400) != 3
    wrong = model.predict(X) != labels[:, 0]
    np.testing.assert_array_equal(loss[has_label, 0], wrong[has_label].astype(float))
    assert np.isnan(loss[3, 0])
    assert not invalid.any()


def test_a_row_without_probabilities_is_invalid() -> None:
    model = GaussianNB().fit(X, X[:, 0] > 0)
    model.theta_ = np.full_like(model.theta_, np.nan)
    labels = np.array([[True], [False]], object)
    loss, _, invalid = scored(model, "log_loss", X[:2], labels)
    assert invalid.all()
    assert np.isnan(loss).all()


class Undecided:
    """Predicts no class for every third row."""

    def predict(self, features: Any) -> Any:
        nothing = [None, float("nan")]
        return [
            nothing[row % 2] if row % 3 == 0 else bool(value > 0)
            for row, value in enumerate(features[:, 0])
        ]


def test_a_row_without_a_predicted_class_is_invalid() -> None:
    loss, _, invalid = scored(Undecided(), "zero_one", X, (X[:, :1] > 0).astype(object))
    third = np.arange(400) % 3 == 0
    np.testing.assert_array_equal(invalid, third)
    np.testing.assert_array_equal(loss[:, 0], np.where(third, np.nan, 0.0))


@pytest.mark.parametrize(
    ("model", "loss", "labels", "message"),
    [
        (LinearRegression(), "absolute", X, r"fails to predict \(NotFittedError: This "),
        (GaussianNB().fit(X[:, :1], X[:, 0] > 0), "log_loss", X[:, :1], "fails to predict .* 1 fe"),
        (GaussianNB().fit(X, classes(X[:, 0])), "absolute", X, "fails to predict .*convert string"),
        (
            LinearRegression().fit(X, X),
            "absolute",
            X[:, :1],
            r"gives predictions of shape \(400, 2",
        ),
        (GaussianNB().fit(X, X[:, 0] > 0), "log_loss", X, "predicts 1 targets and target_columns"),
    ],
)
def test_the_error_names_the_model_that_cannot_predict(
    model: Any, loss: str, labels: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^The challenger {message}"):
        scored(model, loss, X, labels)


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (GaussianNB().fit(X, X[:, 0] > 0), "squared", "is a classifier, and squared is for regr"),
        (DummyRegressor(), "log_loss", "has no predict_proba, which log_loss needs"),
        (None, "log_loss", "has no predict_proba, which log_loss needs"),
    ],
)
def test_a_model_that_does_not_fit_the_loss_is_refused(model: Any, loss: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^The champion {message}"):
        check_model(model, "champion", loss)


def test_the_even_bins_approximate_the_histogram_of_the_values() -> None:
    values = RNG.normal(3, 2, 50_000)
    counts = sum(bin_counts(part) for part in np.array_split(values, 7))
    np.testing.assert_array_equal(counts, bin_counts(values))
    even, shares = even_bins({"champion": counts}, None, None)
    low, high = np.quantile(values, [0.005, 0.995])
    assert (even[0], even[-1]) == pytest.approx((low, high), rel=0.05)
    expected = np.histogram(values, even)[0] / len(values)
    np.testing.assert_allclose(shares["champion"], expected, atol=0.002)
    wild = bin_counts(np.array([np.nan, 0.0, 1e300, -1e300]))
    assert (wild.sum(), wild[0], wild[-1], wild[2000]) == (3, 1, 1, 1)
    assert len(bin_edges()) == len(wild) + 1
