"""The step of the duel and of the watch job that reads the rows, once for all models."""

from typing import Any

from kfp import dsl

from pipeline import source
from pipeline.component import component
from pipeline.duel_steps import keys as duel_keys
from pipeline.duel_steps import rows as duel_rows
from pipeline.duel_steps import sample as duel_sample
from pipeline.duel_steps.keys import check_cluster_column, key_column, with_keys
from pipeline.duel_steps.rows import (
    add_days,
    comparable_rows,
    day_counts,
    duel_window,
    rows_schema,
    typed_rows,
    window_batches,
)
from pipeline.duel_steps.sample import sample_batches
from pipeline.source import check_column_names, check_columns, open_session, storage_client


@component(bundle=(source, duel_rows, duel_keys, duel_sample))
def read_rows(
    project: str,
    source_table: str,
    timestamp_column: str,
    feature_columns: list[str],
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_data_interval_end: str,
    labels_until: str,
    batch_size: int,
    rows: dsl.Output[dsl.Dataset],
    challenger_data_interval_end: str = "",
    window_start: str = "",
    cluster_column: str = "",
    max_rows_per_day: int = 0,
) -> None:
    """Write the rows of the window that can be compared to Parquet, a row group for each batch.

    The columns are time, features and labels, see `rows_schema`, and with a `cluster_column` the
    keys of its values, see `with_keys`. With `max_rows_per_day` (0 for none) the rows are those of
    a sample, see `sample_batches`. The metadata has the window, the sample, and the counts of all
    rows of the sample or else of the window, also by UTC day. Raises ValueError, in one sentence,
    for a table, window or parameter that cannot be used.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = ("absolute", "squared", "log_loss", "zero_one")
    if loss not in known:
        raise ValueError(f"loss is {loss!r}: name one of {', '.join(known)}.")
    if primary_target not in target_columns:
        raise ValueError(
            f"primary_target is {primary_target!r}: name one of the target_columns, "
            f"{', '.join(target_columns)}."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give the number of rows, at least 1.")
    if max_rows_per_day and max_rows_per_day < 2:
        raise ValueError(
            f"max_rows_per_day is {max_rows_per_day}: give the number of rows, at least 2, or 0 "
            "for all."
        )
    kept = [timestamp_column, *feature_columns, *target_columns]
    # A feature or the time may be the cluster column, too.
    others = [cluster_column] if cluster_column and cluster_column not in kept else []
    columns = [*kept, *others]
    check_column_names(columns)
    start, end = duel_window(
        champion_data_interval_end, challenger_data_interval_end, labels_until, window_start
    )
    client = storage_client()
    _, table_schema = open_session(client, project, source_table)
    check_columns(
        table_schema,
        source_table,
        timestamp_column,
        feature_columns,
        target_columns,
        class_labels=loss in ("log_loss", "zero_one"),
    )
    if cluster_column:
        check_cluster_column(table_schema, source_table, cluster_column, target_columns)

    schema = rows_schema(table_schema, timestamp_column, feature_columns, target_columns, loss)
    if cluster_column:
        schema = schema.append(pa.field(key_column(), pa.uint64()))
    batches: Any = window_batches(client, project, source_table, columns, start, end, batch_size)
    if cluster_column or max_rows_per_day:
        about = source_table, cluster_column, timestamp_column, feature_columns
        kept.append(key_column())
        batches = (with_keys(batch, *about).select(kept) for batch in batches)
    if max_rows_per_day:
        sampled_by = [cluster_column] if cluster_column else [timestamp_column, *feature_columns]
        batches, rows.metadata["sample"] = sample_batches(
            batches, timestamp_column, sampled_by, max_rows_per_day, batch_size
        )
    total, skipped, labelled = 0, 0, [0] * len(target_columns)
    days: dict[int, list[int]] = {}
    # Measurements seldom repeat: dictionary encoding takes three times as long and more space.
    with pq.ParquetWriter(rows.path, schema, use_dictionary=False) as writer:
        for batch in batches:
            typed = typed_rows(batch.select(schema.names), schema, target_columns)
            add_days(days, typed, timestamp_column, primary_target)
            found, without_feature, labels = comparable_rows(typed, feature_columns, target_columns)
            total += batch.num_rows
            skipped += without_feature
            labelled = [one + other for one, other in zip(labelled, labels, strict=True)]
            if found.num_rows:
                writer.write_batch(found)
    rows.metadata.update(
        source_table=source_table,
        window_start=start,
        window_end=end,
        cluster_column=cluster_column,
        rows=total,
        rows_skipped=skipped,
        rows_labelled=labelled,
        days=day_counts(days),
    )
