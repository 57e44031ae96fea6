"""The step that scores champion and challenger on the same rows, which neither was trained on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kfp import dsl

from pipeline.component import component
from pipeline.components.create_dataset import storage_client
from pipeline.duel_steps.accumulator import new_accumulator, update
from pipeline.duel_steps.arrays import arrays, present
from pipeline.duel_steps.bundle import BUNDLED_FUNCTIONS
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.losses import check_model, losses
from pipeline.duel_steps.model_loader import load_model
from pipeline.duel_steps.names import check_duel_columns, check_names
from pipeline.duel_steps.page import page
from pipeline.duel_steps.rows import duel_window, offered_schema, read_batches
from pipeline.source import table_path, window_filter


@component(
    "scikit-learn",
    "numpy",
    "joblib",
    "pyarrow",
    "google-cloud-bigquery-storage",
    "google-cloud-storage",
    helpers=BUNDLED_FUNCTIONS,
)
def compare(
    project: str,
    source_table: str,
    timestamp_column: str,
    feature_columns: list[str],
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    champion_data_interval_end: str,
    challenger_uri: str,
    challenger_sha256: str,
    challenger_data_interval_end: str,
    labels_until: str,
    artifact_root: str,
    batch_size: int,
    report: dsl.Output[dsl.HTML],
) -> NamedTuple(  # type: ignore[valid-type]
    "Outputs",
    [
        ("n", int),
        ("mean", float),
        ("variance", float),
        ("champion_loss", float),
        ("challenger_loss", float),
        ("rows", int),
        ("rows_labelled", int),
        ("coverage", float),
        ("champion_invalid_predictions", int),
        ("challenger_invalid_predictions", int),
        ("window_start", str),
        ("window_end", str),
        ("evidence", dict),
    ],
):
    """The evidence of docs/duel.md, and a page with plots of it.

    Raises ValueError, in one sentence, for a table, window or artifact that cannot be judged by.
    """
    from pathlib import Path

    import numpy as np

    if primary_target not in target_columns:
        raise ValueError(
            f"primary_target is {primary_target!r}: name one of the target_columns, "
            f"{', '.join(target_columns)}."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give the number of rows, at least 1.")
    columns = [timestamp_column, *feature_columns, *target_columns]
    check_names(source_table, columns)
    start, end = duel_window(champion_data_interval_end, challenger_data_interval_end, labels_until)
    path, client = table_path(source_table), storage_client()
    parent = f"projects/{project}"
    schema = offered_schema(client, parent, path, source_table)
    check_duel_columns(
        schema, source_table, timestamp_column, feature_columns, target_columns, loss
    )

    given = {
        "champion": (champion_uri, champion_sha256),
        "challenger": (challenger_uri, challenger_sha256),
    }
    models: dict[str, Any] = {}
    for role, (uri, sha256) in given.items():
        models[role] = load_model(role, uri, sha256, artifact_root, project)
        check_model(models[role], role, loss, feature_columns)

    book, deciding = new_accumulator(target_columns), target_columns.index(primary_target)
    batches: Iterator[Any] = iter(())
    if start != end:
        restriction = window_filter(timestamp_column, start, end)
        batches = read_batches(client, parent, path, columns, restriction, batch_size)
    for batch in batches:
        times, features, labels = arrays(
            batch, timestamp_column, feature_columns, target_columns, loss
        )
        usable = np.isfinite(features).all(axis=1)
        labelled = present(labels)
        book["rows"] += len(times)
        book["unusable"] += int((~usable).sum())
        book["labelled"] += labelled.sum(axis=0)
        scored = usable & labelled.any(axis=1)
        if scored.any():
            champion, challenger = (
                losses(model, role, loss, features[scored], labels[scored])
                for role, model in models.items()
            )
            update(book, times[scored], champion, challenger, deciding)

    evidence = make_evidence(book, target_columns, primary_target, loss)
    evidence |= {"window_start": start, "window_end": end, "source_table": source_table}
    for role, (uri, sha256) in given.items():
        evidence[role] = {"uri": uri, "sha256": sha256}
    Path(report.path).write_text(page(evidence, book["residuals"]), encoding="utf-8")
    report.metadata["evidence"] = evidence
    # A parameter cannot be null: nothing is known where n is 0 (of the variance, below 2).
    unknown_as_zero = ("mean", "variance", "champion_loss", "challenger_loss")
    return (
        evidence["n"],
        *(evidence[name] or 0.0 for name in unknown_as_zero),
        *(evidence[name] for name in ("rows", "rows_labelled", "coverage")),
        *(
            evidence[name]
            for name in ("champion_invalid_predictions", "challenger_invalid_predictions")
        ),
        *(start, end, evidence),
    )
