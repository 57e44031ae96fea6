"""The predictions of a model, batch by batch, as columns of a Parquet file."""

from typing import Any


def check_model(model: Any, role: str, loss: str) -> None:
    """Raise ValueError for a model that does not fit this loss; `model` is the predictor's, None
    for a predictor without one."""
    if loss in ("absolute", "squared") and hasattr(model, "classes_"):
        raise ValueError(
            f"The {role} is a classifier, and {loss} is for regressors: name log_loss or "
            "zero_one as loss."
        )
    if loss == "log_loss" and not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise ValueError(
            f"The {role} has no predict_proba, which {loss} needs: name absolute or squared as "
            "loss, or train a classifier that has it."
        )


def predictions_schema(model: Any, role: str, loss: str, targets: list[str]) -> Any:
    """The columns of the predictions, one for each target.

    A number for a regressor; for log_loss the probability of each class, and the classes in the
    field's metadata; for zero_one the predicted class, as JSON. Raises ValueError for a model of
    another number of targets.
    """
    import json

    import pyarrow as pa

    if loss != "log_loss":
        kind = pa.string() if loss == "zero_one" else pa.float64()
        return pa.schema([(name, kind) for name in targets])
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    if len(classes) != len(targets):
        raise ValueError(
            f"The {role} predicts {len(classes)} targets and target_columns names {len(targets)}: "
            "name in target_columns the targets that it was trained on."
        )
    return pa.schema(
        [
            pa.field(
                name,
                pa.list_(pa.float64(), len(known)),
                metadata={"classes": json.dumps(known.tolist())},
            )
            for name, known in zip(targets, classes, strict=True)
        ]
    )


def predict(predictor: Any, role: str, loss: str, features: Any, schema: Any) -> Any:
    """The record batch of the predictions for `features` (rows x features, floats), by the calls
    that the model server makes.

    Raises ValueError, with the role, when one of them fails, and for predictions of another shape.
    """
    import numpy as np
    import pyarrow as pa

    count, targets = len(features), len(schema)
    # Request and response have lists. The server's own predictors make an array of the ones and the
    # others of an array, which takes as long as many predictions.
    own_class = not type(predictor).__module__.startswith("model_server.")
    request = {"instances": features.tolist() if own_class else features}

    def tables() -> Any:
        tables = predictor.model.predict_proba(predictor.preprocess(request))
        return [np.asarray(t, float) for t in (tables if isinstance(tables, list) else [tables])]

    def predicted() -> Any:
        found = predictor.predict(predictor.preprocess(request))
        if own_class:
            found = predictor.postprocess(found)["predictions"]
        return np.asarray(found, object if loss == "zero_one" else float)

    try:
        found = tables() if loss == "log_loss" else predicted()
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"The {role} fails to predict ({first}): compare feature_columns with the columns that "
            "it was trained on, or train and register it again."
        ) from error
    if loss == "log_loss":
        return pa.record_batch(
            [
                pa.FixedSizeListArray.from_arrays(table.ravel(), field.type.list_size)
                for table, field in zip(found, schema, strict=True)
            ],
            schema=schema,
        )
    if found.size != count * targets or len(found) != count:
        raise ValueError(
            f"The {role} gives predictions of shape {found.shape} for {count} rows and {targets} "
            "targets: name in target_columns the targets that it was trained on."
        )
    columns = found.reshape(count, targets).T
    return pa.record_batch([_column(column, loss) for column in columns], schema=schema)


def _column(values: Any, loss: str) -> Any:
    """The column of one target's predictions."""
    import json

    import numpy as np
    import pyarrow as pa

    if loss != "zero_one":
        return pa.array(np.ascontiguousarray(values))
    return pa.array([json.dumps(value) for value in values.tolist()], pa.string())
