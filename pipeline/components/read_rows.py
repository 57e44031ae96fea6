"""The duel's step that reads the rows, once for both models."""

from kfp import dsl

from pipeline import source
from pipeline.component import component
from pipeline.duel_steps import rows as duel_rows
from pipeline.duel_steps.rows import comparable_rows, duel_window, rows_schema, window_batches
from pipeline.source import check_column_names, check_columns, open_session, storage_client


@component(bundle=(source, duel_rows))
def read_rows(
    project: str,
    source_table: str,
    timestamp_column: str,
    feature_columns: list[str],
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_data_interval_end: str,
    challenger_data_interval_end: str,
    labels_until: str,
    batch_size: int,
    rows: dsl.Output[dsl.Dataset],
) -> None:
    """Write the rows of the window that can be compared to Parquet, a row group for each batch.

    The columns are time, features and labels, see `rows_schema`; the metadata has the window and
    the counts of all of its rows. Raises ValueError, in one sentence, for a table, window or
    parameter that cannot be used.
    """
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
    columns = [timestamp_column, *feature_columns, *target_columns]
    check_column_names(columns)
    start, end = duel_window(champion_data_interval_end, challenger_data_interval_end, labels_until)
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

    schema = rows_schema(table_schema, timestamp_column, feature_columns, target_columns, loss)
    total, skipped, labelled = 0, 0, [0] * len(target_columns)
    # Measurements seldom repeat: dictionary encoding takes three times as long and more space.
    with pq.ParquetWriter(rows.path, schema, use_dictionary=False) as writer:
        for batch in window_batches(client, project, source_table, columns, start, end, batch_size):
            found, without_feature, labels = comparable_rows(
                batch, schema, feature_columns, target_columns
            )
            total += batch.num_rows
            skipped += without_feature
            labelled = [one + other for one, other in zip(labelled, labels, strict=True)]
            if found.num_rows:
                writer.write_batch(found)
    rows.metadata.update(
        source_table=source_table,
        window_start=start,
        window_end=end,
        rows=total,
        rows_skipped=skipped,
        rows_labelled=labelled,
    )
