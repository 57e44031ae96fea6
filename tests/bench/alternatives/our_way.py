"""The same steps by the project's components, outside a pipeline."""

from typing import Any

FEATURES, TARGETS = ["weight_kg", "waist_cm", "pulse_bpm"], ["chins", "situps", "jumps"]
COLUMNS: dict[str, Any] = {
    "key_column": "id",
    "feature_columns": FEATURES,
    "target_columns": TARGETS,
}


def export(project: str, table: str, start: str, end: str, path: str) -> int:
    """The rows of the window as Parquet; their number."""
    from kfp import dsl

    from pipeline.components.create_dataset import create_dataset

    dataset = dsl.Dataset(uri=path)
    create_dataset.python_func(
        project=project,
        source_table=table,
        timestamp_column="measured_at",
        interval_start=start,
        interval_end=end,
        dataset=dataset,
        **COLUMNS,
    )
    return int(dataset.metadata["rows"])


def train(path: str, folder: str) -> float:
    """R2 on the rows held out, a fifth."""
    from pathlib import Path

    from kfp import dsl

    from pipeline.components.evaluate import evaluate
    from pipeline.components.train import train as component

    Path(folder).mkdir(exist_ok=True)
    model, held_out = dsl.Model(uri=f"{folder}/model"), dsl.Dataset(uri=f"{folder}/held_out")
    component.python_func(dataset=dsl.Dataset(uri=path), model=model, held_out=held_out, **COLUMNS)
    score = evaluate.python_func(
        model=model,
        held_out=held_out,
        feature_columns=FEATURES,
        target_columns=TARGETS,
        metrics=dsl.Metrics(uri=f"{folder}/metrics"),
    )
    return float(score) / 100
