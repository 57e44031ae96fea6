"""The watch job's step that measures the champion's losses."""

from kfp import dsl

from pipeline.component import component
from pipeline.duel_steps import accumulator as duel_accumulator
from pipeline.duel_steps import clusters as duel_clusters
from pipeline.duel_steps import losses as duel_losses
from pipeline.duel_steps.accumulator import add_clusters, new_accumulator, update
from pipeline.duel_steps.keys import key_column
from pipeline.duel_steps.losses import losses
from pipeline.duel_steps.rows import time_text, utc_text
from pipeline.watch_steps.evidence import watch_evidence


@component(
    bundle=(
        *(utc_text, time_text, key_column, duel_losses, duel_clusters, duel_accumulator),
        watch_evidence,
    )
)
def measure(
    rows: dsl.Input[dsl.Dataset],
    champion: dsl.Input[dsl.Dataset],
    timestamp_column: str,
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    report: dsl.Output[dsl.Artifact],
) -> None:
    """Write the evidence of docs/reference/watch-job.md as JSON, and to the report's metadata.

    `rows` is the output of `read_rows`, `champion` are the predictions for them. Raises ValueError,
    in one sentence, for predictions of other rows.
    """
    import json
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq

    file, predictions = pq.ParquetFile(rows.path), pq.ParquetFile(champion.path)
    if predictions.metadata.num_rows != file.metadata.num_rows:
        raise ValueError(
            f"There are {predictions.metadata.num_rows} predictions of the champion for "
            f"{file.metadata.num_rows} rows: run the watch job again."
        )
    cluster_column, sample = rows.metadata["cluster_column"], rows.metadata.get("sample")
    accumulator = new_accumulator(rows.metadata, bool(cluster_column), roles=("champion",))
    primary = target_columns.index(primary_target)
    columns = [timestamp_column, *target_columns, *([key_column()] if cluster_column else [])]
    for number in range(file.num_row_groups):
        group = file.read_row_group(number, columns=columns)
        keys = group[key_column()].to_numpy() if cluster_column else None
        times = group[timestamp_column].cast(pa.int64()).to_numpy()
        found = losses(loss, predictions.read_row_group(number), group.select(target_columns))
        update(accumulator, times, {"champion": found}, primary, keys)
    add_clusters(accumulator, primary)

    evidence = watch_evidence(accumulator, primary, primary_target, loss)
    for name in ("window_start", "window_end", "source_table"):
        evidence[name] = rows.metadata[name]
    evidence["cluster_column"] = cluster_column or None
    evidence["sample"] = sample and {
        # Metadata of Vertex AI are JSON, whose whole numbers may arrive as floats.
        name: int(value) if isinstance(value, float) else value
        for name, value in sample.items()
    }
    evidence["champion"] = {"uri": champion_uri, "sha256": champion_sha256}
    Path(report.path).write_text(json.dumps(evidence, allow_nan=False), encoding="utf-8")
    report.metadata["evidence"] = evidence
