"""The loss of a model's predictions, row by row."""

from typing import Any

from pipeline.duel_steps.rows import has_label


def check_model(model: Any, role: str, loss: str, features: list[str]) -> None:
    """Raise ValueError for a model that does not fit this loss or these features."""
    from sklearn.base import is_classifier

    if loss not in ("absolute", "squared", "log_loss", "zero_one"):
        raise ValueError(f"loss is {loss!r}: name one of absolute, squared, log_loss and zero_one.")
    if loss in ("absolute", "squared") and is_classifier(model):
        raise ValueError(
            f"The {role} is a classifier, and {loss} is for regressors: name log_loss or "
            "zero_one as loss."
        )
    if loss in ("log_loss", "zero_one") and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"The {role} has no predict_proba, which {loss} needs: name absolute or squared as "
            "loss, or train a classifier that has it."
        )
    expected = getattr(model, "n_features_in_", len(features))
    if expected != len(features):
        raise ValueError(
            f"The {role} was trained on {expected} features and feature_columns names "
            f"{len(features)}: name those that it was trained on, in their order."
        )


def predict(model: Any, role: str, method: str, features: Any) -> Any:
    """The result of that method of the model. Raises ValueError, with the role, when it fails."""
    try:
        return getattr(model, method)(features)
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"The {role} fails in {method} ({first}): retire it, or train and register it again."
        ) from error


def losses(model: Any, role: str, loss: str, features: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Losses, residuals and invalid rows of a model's predictions.

    `features` is rows x features of floats; `labels` is rows x targets, of floats with NaN for a
    missing label, or of objects with None for a classifier. Returns three arrays:

    - losses (rows x targets), NaN where the label is missing: in the target's unit (absolute), its
      square (squared), nats (log_loss), or 0 and 1 (zero_one);
    - residuals (rows x targets): label minus prediction, or, for a classifier, the predicted
      probability of the actual class;
    - invalid (rows): whether a prediction is not finite, or a loss is not below 1e100, beyond which
      its variance might be infinite.

    A probability below 1e-15, such as that of a class that was not in the training data, counts as
    1e-15. Raises ValueError for predictions of another shape.
    """
    import numpy as np

    shape = labels.shape

    def shaped(values: Any, dtype: Any) -> Any:
        values = np.asarray(values, dtype)
        if values.size != labels.size or len(values) != len(labels):
            raise ValueError(
                f"The {role} gives predictions of shape {values.shape} for {shape[0]} rows and "
                f"{shape[1]} targets: name in target_columns the targets that it was trained on."
            )
        return values.reshape(shape)

    if loss in ("absolute", "squared"):
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = shaped(predict(model, role, "predict", features), np.float64)
            residual = labels - predicted
            values = np.abs(residual) if loss == "absolute" else residual**2
        # A missing label makes the loss NaN, but not the prediction invalid.
        invalid = ~np.isfinite(predicted) | ~((values < 1e100) | np.isnan(labels))
        return values, residual, invalid.any(axis=1)

    tables, classes = predict(model, role, "predict_proba", features), model.classes_
    if not isinstance(tables, list):
        tables, classes = [tables], [classes]
    if len(tables) != shape[1]:
        shaped(np.empty((shape[0], len(tables))), np.float64)
    actual, invalid = np.full(shape, np.nan), np.zeros(shape[0], bool)
    for target, (table, known) in enumerate(zip(tables, classes, strict=True)):
        columns = {name: column for column, name in enumerate(known.tolist())}
        for row, label in enumerate(labels[:, target]):
            if label is not None:
                actual[row, target] = table[row, columns[label]] if label in columns else 0.0
        invalid |= ~np.isfinite(table).all(axis=1)
    if loss == "log_loss":
        values = -np.log(np.clip(actual, 1e-15, 1.0))
    else:  # by `predict`, whose result the endpoint returns
        values = (shaped(predict(model, role, "predict", features), object) != labels).astype(
            np.float64
        )
        values[invalid] = np.nan
    values[~has_label(labels)] = np.nan
    return values, actual, invalid
