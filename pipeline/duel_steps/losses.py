"""What a model's predictions cost, row by row."""

from typing import Any

from pipeline.duel_steps.arrays import present


def check_model(model: Any, role: str, loss: str, features: list[str]) -> None:
    """Refuse, with a ValueError, a model that this loss or these features do not fit."""
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
    wanted = getattr(model, "n_features_in_", len(features))
    if wanted != len(features):
        raise ValueError(
            f"The {role} was trained on {wanted} features and feature_columns names "
            f"{len(features)}: name those that it was trained on, in their order."
        )


def predict(model: Any, role: str, method: str, features: Any) -> Any:
    """What that method of the model says; a ValueError that names the role when it fails."""
    try:
        return getattr(model, method)(features)
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"The {role} fails in {method} ({first}): retire it, or train and register it anew."
        ) from error


def losses(model: Any, role: str, loss: str, features: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Loss, residual and badness of a model's predictions.

    `features` is rows x features of floats, `labels` rows x targets: floats with NaN for a
    missing one, or, for a classifier, objects with None. Gives three arrays:
    loss (rows x targets), in the target's unit (absolute), its square (squared), nats (log_loss),
    or 0 and 1 (zero_one), NaN where there is no label; residual (rows x targets), label minus
    prediction or, of a classifier, the probability it gave to what happened; bad (rows), whether
    any prediction is no finite number, or a loss is not below 1e100, beyond which its variance
    might be infinite. A probability below 1e-15, as of a class that the model never saw, costs as
    much as one of 1e-15. Raises ValueError for predictions of another shape.
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
        # Where a label is missing, so is the loss: no fault of the model's.
        bad = ~np.isfinite(predicted) | ~((values < 1e100) | np.isnan(labels))
        return values, residual, bad.any(axis=1)

    tables, classes = predict(model, role, "predict_proba", features), model.classes_
    if not isinstance(tables, list):
        tables, classes = [tables], [classes]
    if len(tables) != shape[1]:
        shaped(np.empty((shape[0], len(tables))), np.float64)
    given, bad = np.full(shape, np.nan), np.zeros(shape[0], bool)
    for column, (table, known) in enumerate(zip(tables, classes, strict=True)):
        place = {name: number for number, name in enumerate(known.tolist())}
        for row, label in enumerate(labels[:, column]):
            if label is not None:
                given[row, column] = table[row, place[label]] if label in place else 0.0
        bad |= ~np.isfinite(table).all(axis=1)
    if loss == "log_loss":
        values = -np.log(np.clip(given, 1e-15, 1.0))
    else:  # as `predict` says, for that is what the endpoint answers
        values = (shaped(predict(model, role, "predict", features), object) != labels).astype(
            np.float64
        )
        values[bad] = np.nan
    values[~present(labels)] = np.nan
    return values, given, bad
