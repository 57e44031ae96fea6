"""The loss of a model's predictions, row by row."""

from typing import Any


def losses(loss: str, predictions: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Losses, residuals and invalid rows of a model's predictions.

    `predictions` is a table in `predictions_schema`, `labels` one with a column of labels for each
    target, in the same order, with null for a missing label. Returns three arrays:

    - losses (rows x targets), NaN where the label is missing: in the target's unit (absolute), its
      square (squared), nats (log_loss), or 0 and 1 (zero_one);
    - residuals (rows x targets): label minus prediction, for log_loss the predicted probability of
      the actual class, for zero_one NaN;
    - invalid (rows): whether a prediction is not finite, or a loss is not below 1e100, beyond which
      its variance might be infinite.

    A probability below 1e-15, such as that of a class that was not in the training data, counts as
    1e-15.
    """
    import numpy as np

    shape = labels.num_rows, labels.num_columns
    values, residuals, invalid = np.empty(shape), np.empty(shape), np.zeros(shape[0], bool)
    of_target = {"log_loss": log_losses, "zero_one": errors}.get(loss, distances)
    for number, (column, label) in enumerate(zip(predictions.schema, labels.columns, strict=True)):
        found = of_target(loss, column, predictions[column.name].combine_chunks(), label)
        values[:, number], residuals[:, number] = found[:2]
        # A missing label makes the loss NaN, but not the prediction invalid.
        invalid |= found[2] | ~((found[0] < 1e100) | np.isnan(found[0]))
    return values, residuals, invalid


def distances(loss: str, field: Any, predicted: Any, label: Any) -> tuple[Any, Any, Any]:
    """The result of `losses` for one target of a regressor."""
    import numpy as np

    numbers = predicted.to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = label.to_numpy() - numbers
        values = np.abs(residual) if loss == "absolute" else residual**2
    return values, residual, ~np.isfinite(numbers)


def log_losses(loss: str, field: Any, predicted: Any, label: Any) -> tuple[Any, Any, Any]:
    """The result of `losses` for one target of a classifier with probabilities."""
    import json

    import numpy as np

    classes = {name: n for n, name in enumerate(json.loads(field.metadata[b"classes"]))}
    table = predicted.flatten().to_numpy().reshape(len(predicted), -1)
    columns = np.array([classes.get(value, -1) for value in label.to_pylist()], int)
    actual = np.where(columns < 0, 0.0, table[np.arange(len(table)), columns])
    actual[label.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return -np.log(np.clip(actual, 1e-15, 1.0)), actual, ~np.isfinite(table).all(axis=1)


def errors(loss: str, field: Any, predicted: Any, label: Any) -> tuple[Any, Any, Any]:
    """The result of `losses` for one target of a classifier, by the class that it predicts."""
    import json

    import numpy as np

    classes = [json.loads(text) for text in predicted.to_pylist()]
    # A class is null or NaN where the model predicts none.
    none = np.array([value is None or value != value for value in classes], bool)
    values = np.array(
        [
            np.nan if actual is None else float(value != actual)
            for value, actual in zip(classes, label.to_pylist(), strict=True)
        ],
        float,
    )
    values[none] = np.nan
    return values, np.full(len(classes), np.nan), none
