"""The step of the duel and of the watch job that scores one model, in the image that serves it."""

from kfp import dsl

from pipeline.component import component
from pipeline.duel_steps import artifact
from pipeline.duel_steps import predictions as duel_predictions
from pipeline.duel_steps.artifact import load_artifact
from pipeline.duel_steps.predictions import check_model, predict, predictions_schema


@component(bundle=(artifact, duel_predictions))
def score(
    rows: dsl.Input[dsl.Dataset],
    role: str,
    uri: str,
    sha256: str,
    artifact_root: str,
    feature_columns: list[str],
    target_columns: list[str],
    loss: str,
    predictions: dsl.Output[dsl.Dataset],
) -> None:
    """Write the model's predictions for the rows to Parquet: the same row groups, and the columns
    of `predictions_schema`.

    This step must run in images of earlier releases, too: of `model_server` it uses only what
    loads an artifact. Raises ValueError, in one sentence, for an artifact or model that cannot be
    used.
    """
    import gc
    import tempfile

    import numpy as np
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        predictor = load_artifact(role, uri, sha256, artifact_root, folder)
        model = getattr(predictor, "model", None)
        check_model(model, role, loss)
        schema = predictions_schema(model, role, loss, target_columns)
        # A batch is many lists, for which the collector would visit all modules again and again.
        gc.freeze()
        file = pq.ParquetFile(rows.path)
        with pq.ParquetWriter(predictions.path, schema, use_dictionary=False) as writer:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=feature_columns)
                columns = [table[name].to_numpy() for name in feature_columns]
                features = np.column_stack(columns)
                writer.write_batch(predict(predictor, role, loss, features, schema))
