"""The duel's step that compares the predictions of champion and challenger."""

from typing import NamedTuple

from kfp import dsl

from pipeline.component import component
from pipeline.duel_steps import accumulator as duel_accumulator
from pipeline.duel_steps import clusters as duel_clusters
from pipeline.duel_steps import evidence as duel_evidence
from pipeline.duel_steps import losses as duel_losses
from pipeline.duel_steps.accumulator import add_clusters, new_accumulator, update
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.keys import key_column
from pipeline.duel_steps.losses import losses
from pipeline.duel_steps.report import charts, page, plots, text
from pipeline.duel_steps.report.page import report_page
from pipeline.duel_steps.rows import time_text, utc_text


@component(
    bundle=(
        *(utc_text, time_text, key_column, duel_losses, duel_clusters, duel_accumulator),
        duel_evidence,
        *(text, charts, plots, page),
    )
)
def compare(
    rows: dsl.Input[dsl.Dataset],
    champion: dsl.Input[dsl.Dataset],
    challenger: dsl.Input[dsl.Dataset],
    timestamp_column: str,
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    challenger_uri: str,
    challenger_sha256: str,
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

    `rows` is the output of `read_rows`; `champion` and `challenger` are the predictions for them.
    Raises ValueError, in one sentence, for predictions of other rows.
    """
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(rows.path)
    predictions = {
        "champion": pq.ParquetFile(champion.path),
        "challenger": pq.ParquetFile(challenger.path),
    }
    for role, found in predictions.items():
        if found.metadata.num_rows != file.metadata.num_rows:
            raise ValueError(
                f"There are {found.metadata.num_rows} predictions of the {role} for "
                f"{file.metadata.num_rows} rows: run the duel again."
            )
    cluster_column, sample = rows.metadata["cluster_column"], rows.metadata.get("sample")
    accumulator = new_accumulator(rows.metadata, clustered=bool(cluster_column))
    primary = target_columns.index(primary_target)
    columns = [timestamp_column, *target_columns, *([key_column()] if cluster_column else [])]
    for number in range(file.num_row_groups):
        group = file.read_row_group(number, columns=columns)
        labels = group.select(target_columns)
        keys = group[key_column()].to_numpy() if cluster_column else None
        times = group[timestamp_column].cast(pa.int64()).to_numpy()
        scored = {
            role: losses(loss, one.read_row_group(number), labels)
            for role, one in predictions.items()
        }
        update(accumulator, times, scored, primary, keys)
    add_clusters(accumulator, primary)

    evidence = make_evidence(accumulator, target_columns, primary_target, loss)
    for name in ("window_start", "window_end", "source_table"):
        evidence[name] = rows.metadata[name]
    evidence["cluster_column"] = cluster_column or None
    evidence["sample"] = sample and {
        # Metadata of Vertex AI are JSON, whose whole numbers may arrive as floats.
        name: int(value) if isinstance(value, float) else value
        for name, value in sample.items()
    }
    evidence["champion"] = {"uri": champion_uri, "sha256": champion_sha256}
    evidence["challenger"] = {"uri": challenger_uri, "sha256": challenger_sha256}
    html = report_page(evidence, accumulator["residuals"])
    Path(report.path).write_text(html, encoding="utf-8")
    report.metadata["evidence"] = evidence
    # A parameter cannot be null: an unknown value is 0, as all are when n is 0 (and the variance
    # when n is 1).
    unknown_as_zero = ("mean", "variance", "champion_loss", "challenger_loss")
    return (
        evidence["n"],
        *(evidence[name] or 0.0 for name in unknown_as_zero),
        *(
            evidence[name]
            for name in (
                "rows",
                "rows_labelled",
                "coverage",
                "champion_invalid_predictions",
                "challenger_invalid_predictions",
                "window_start",
                "window_end",
            )
        ),
        evidence,
    )
