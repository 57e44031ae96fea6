"""The step that scores champion and challenger on the same rows, which neither was trained on."""

from typing import Any, NamedTuple

from kfp import dsl

from pipeline import duel_steps
from pipeline.component import component
from pipeline.duel_steps.accumulator import new_accumulator, update
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.model_loader import load_model
from pipeline.duel_steps.report.page import report_page
from pipeline.duel_steps.rows import arrays, duel_window, has_label, window_batches
from pipeline.duel_steps.scoring import check_model, losses
from pipeline.source import check_column_names, check_columns, open_session, storage_client


@component(
    "scikit-learn",
    "numpy",
    "joblib",
    "pyarrow",
    "google-cloud-bigquery-storage",
    "google-cloud-storage",
    bundle=duel_steps.MODULES,
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
    """The evidence of docs/reference/duel.md, and a page with plots of it.

    Raises ValueError, in one sentence, for a table, window or artifact that cannot be used.
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
    check_column_names(columns)
    start, end = duel_window(champion_data_interval_end, challenger_data_interval_end, labels_until)
    client = storage_client()
    _, schema = open_session(client, project, source_table)
    check_columns(
        schema,
        source_table,
        timestamp_column,
        feature_columns,
        target_columns,
        class_labels=loss in ("log_loss", "zero_one"),
    )

    artifacts = {
        "champion": (champion_uri, champion_sha256),
        "challenger": (challenger_uri, challenger_sha256),
    }
    models: dict[str, Any] = {}
    for role, (uri, sha256) in artifacts.items():
        models[role] = load_model(role, uri, sha256, artifact_root, project)
        check_model(models[role], role, loss, feature_columns)

    accumulator = new_accumulator(target_columns)
    for batch in window_batches(client, project, source_table, columns, start, end, batch_size):
        times, features, labels = arrays(
            batch, timestamp_column, feature_columns, target_columns, loss
        )
        usable = np.isfinite(features).all(axis=1)
        labelled = has_label(labels)
        accumulator["rows"] += len(times)
        accumulator["skipped"] += int((~usable).sum())
        accumulator["labelled"] += labelled.sum(axis=0)
        scored = usable & labelled.any(axis=1)
        if scored.any():
            champion, challenger = (
                losses(model, role, loss, features[scored], labels[scored])
                for role, model in models.items()
            )
            primary = target_columns.index(primary_target)
            update(accumulator, times[scored], champion, challenger, primary)

    evidence = make_evidence(accumulator, target_columns, primary_target, loss)
    evidence |= {"window_start": start, "window_end": end, "source_table": source_table}
    for role, (uri, sha256) in artifacts.items():
        evidence[role] = {"uri": uri, "sha256": sha256}
    html = report_page(evidence, accumulator["residuals"])
    Path(report.path).write_text(html, encoding="utf-8")
    report.metadata["evidence"] = evidence
    # A parameter cannot be null: an unknown value is 0, as all are when n is 0 (and the variance
    # when n is 1).
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
