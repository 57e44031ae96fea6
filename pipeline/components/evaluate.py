"""The step that scores a model on held-out rows, by the predictor that serves it."""

from kfp import dsl

from pipeline.component import component


@component()
def evaluate(
    model: dsl.Input[dsl.Model],
    held_out: dsl.Input[dsl.Dataset],
    feature_columns: list[str],
    target_columns: list[str],
    metrics: dsl.Output[dsl.Metrics],
    examples: dsl.Output[dsl.Artifact],
) -> float:
    """The score: R2 times 100 on the held-out rows, averaged over the targets.

    Logs `score`, `score_<target>` and `mae_<target>` (in the target's unit) for each target,
    and `n_test`. `examples` becomes a JSON file with some of the rows and their predictions, in the
    form that the model server checks: `{"instances": [...], "predictions": [...]}`. Raises
    ValueError when a metric is not finite.
    """
    import json
    import math
    from pathlib import Path

    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.metrics import mean_absolute_error, r2_score

    from model_server.predictors import load_predictor

    rows = pq.read_table(held_out.path)
    features, actual = (
        np.column_stack([rows[name].to_numpy() for name in columns])
        for columns in (feature_columns, target_columns)
    )
    predictor = load_predictor(Path(model.path), model.uri)
    request = {"instances": features.tolist()}
    predictions = predictor.postprocess(predictor.predict(predictor.preprocess(request)))[
        "predictions"
    ]
    predicted = np.asarray(predictions, float).reshape(actual.shape)  # one target may be 1-d
    results = {"score": 100 * r2_score(actual, predicted), "n_test": rows.num_rows}
    for name, true, prediction in zip(target_columns, actual.T, predicted.T, strict=True):
        results[f"score_{name}"] = 100 * r2_score(true, prediction)
        results[f"mae_{name}"] = mean_absolute_error(true, prediction)

    for name, value in results.items():
        if not math.isfinite(value):
            raise ValueError(
                f"The metric {name} is {value} on {rows.num_rows} held-out rows: look for "
                "extreme values in the window's feature and target columns."
            )
        metrics.log_metric(name, float(value))
    some = {"instances": request["instances"][:8], "predictions": predictions[:8]}
    Path(examples.path).write_text(json.dumps(some, allow_nan=False), encoding="utf-8")
    return float(results["score"])
