"""The example's pipeline: read a week, train, evaluate, and export a model that passes the gate."""

from kfp import dsl

from images.reference import image_reference
from pipeline.components.create_dataset import create_dataset
from pipeline.components.evaluate import evaluate
from pipeline.components.export_model import export_model
from pipeline.components.train import train


@dsl.pipeline(name="linnerud", description="Exercise results from weight, waist and pulse")
def linnerud(
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
    """Parameters and outputs are those of docs/reference/pipeline-contract.md."""
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
    data.set_caching_options(False)  # the table may have changed since the last run of the week
    training = train(
        dataset=data.outputs["dataset"],
        key_column=key_column,
        feature_columns=feature_columns,
        target_columns=target_columns,
    )
    evaluation = evaluate(
        model=training.outputs["model"],
        held_out=training.outputs["held_out"],
        feature_columns=feature_columns,
        target_columns=target_columns,
    )
    with dsl.If(evaluation.outputs["Output"] >= min_score, name="quality-gate"):
        export_model(
            trained=training.outputs["model"],
            examples=evaluation.outputs["examples"],
            score=evaluation.outputs["Output"],
            image=image_reference(),
        )
