"""A model of another framework, in an image of its own: delivery times by gradient boosting.

Reading, scoring and exporting are the steps of the example; only training is its own.
"""

from pathlib import Path

from kfp import dsl

from pipeline.component import component
from pipeline.components.create_dataset import create_dataset
from pipeline.components.evaluate import evaluate
from pipeline.components.export_model import export_model

IMAGE = "sandbox.test/boosting:1"
PREDICTOR = Path(__file__).with_name("predictor.py").read_text(encoding="utf-8")


@component()
def train(
    dataset: dsl.Input[dsl.Dataset],
    feature_columns: list[str],
    target_columns: list[str],
    predictor: str,
    model: dsl.Output[dsl.Model],
    held_out: dsl.Output[dsl.Dataset],
) -> None:
    """Fit on four fifths of the rows; `predictor` is the source of the class that serves."""
    import importlib
    import json
    import sys
    from pathlib import Path

    import numpy as np
    import pyarrow.parquet as pq
    import xgboost

    rows = pq.read_table(dataset.path)
    rows = rows.sort_by([(name, "ascending") for name in rows.column_names])
    fifth = np.arange(rows.num_rows) % 5 == 0
    pq.write_table(rows.filter(fifth), held_out.path)

    folder = Path(model.path)
    folder.mkdir(parents=True)
    (folder / "deliveries.py").write_text(predictor)
    (folder / "predictor.json").write_text(json.dumps({"class": "deliveries.Deliveries"}))
    # The features are made as they are for a request.
    sys.path.insert(0, str(folder))
    deliveries = importlib.import_module("deliveries").Deliveries()

    training = rows.filter(~fifth)
    columns = [training[name].to_numpy() for name in feature_columns]
    features = deliveries.preprocess({"instances": np.column_stack(columns).tolist()})
    features.set_label(np.log(training[target_columns[0]].to_numpy()))
    booster = xgboost.train({"max_depth": 4, "eta": 0.2, "nthread": 1}, features, 60)
    booster.save_model(folder / "model.ubj")
    model.metadata.update(
        framework="xgboost",
        framework_version=xgboost.__version__,
        feature_columns=feature_columns,
        target_columns=target_columns,
    )


@dsl.pipeline(name="deliveries")
def deliveries(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    interval_start: str,
    interval_end: str,
    min_score: float,
    key_column: str,
    feature_columns: list[str],
    target_columns: list[str],
) -> None:
    data = create_dataset(
        project=project,
        source_table=source_table,
        timestamp_column=timestamp_column,
        interval_start=interval_start,
        interval_end=interval_end,
        key_column=key_column,
        feature_columns=feature_columns,
        target_columns=target_columns,
    )
    data.set_caching_options(False)
    training = train(
        dataset=data.outputs["dataset"],
        feature_columns=feature_columns,
        target_columns=target_columns,
        predictor=PREDICTOR,
    )
    training.set_container_image(IMAGE)
    evaluation = evaluate(
        model=training.outputs["model"],
        held_out=training.outputs["held_out"],
        feature_columns=feature_columns,
        target_columns=target_columns,
    )
    evaluation.set_container_image(IMAGE)
    with dsl.If(evaluation.outputs["Output"] >= min_score, name="quality-gate"):
        export_model(
            trained=training.outputs["model"],
            examples=evaluation.outputs["examples"],
            score=evaluation.outputs["Output"],
            image=IMAGE,
        )
