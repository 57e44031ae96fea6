"""The step that reads a run's rows from BigQuery.

Rows come as Arrow batches over the BigQuery Storage Read API and go to Parquet one batch at a
time, so a table of any size needs the memory of a few batches.
"""

from typing import Any

from kfp import dsl

from pipeline import source
from pipeline.component import component
from pipeline.source import (
    check_columns,
    open_session,
    read_batches,
    storage_client,
    window_filter,
)


@component(bundle=(source,))
def create_dataset(
    project: str,
    source_table: str,
    timestamp_column: str,
    interval_start: str,
    interval_end: str,
    key_column: str,
    feature_columns: list[str],
    target_columns: list[str],
    dataset: dsl.Output[dsl.Dataset],
) -> None:
    """Write the rows of [interval_start, interval_end) to one Parquet file.

    Its columns are the key, then features and targets as float64, one row group a batch. Row
    order is that of the streams: sort before depending on it. Raises ValueError, in one sentence,
    for a table, window or values that cannot be trained on.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Lock

    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    client = storage_client()
    restriction = window_filter(timestamp_column, interval_start, interval_end)
    numbers = [*feature_columns, *target_columns]
    _, table_schema = open_session(client, project, source_table)
    check_columns(
        table_schema, source_table, timestamp_column, feature_columns, target_columns, key_column
    )
    # Two streams: one sends while the other's batch is written. More would only fill memory.
    session, session_schema = open_session(
        client,
        project,
        source_table,
        streams=2,
        selected_fields=[key_column, *numbers],
        row_restriction=restriction,
    )

    key_type = table_schema.field(key_column).type
    schema = pa.schema([(key_column, key_type), *((name, pa.float64()) for name in numbers)])
    rows, unusable, lock = 0, dict.fromkeys(numbers, 0), Lock()

    def copy(stream: Any) -> None:
        nonlocal rows
        for batch in read_batches(client, stream, session_schema, schema.names):
            batch = batch.cast(schema, safe=False)
            with lock:
                writer.write_batch(batch)
                rows += batch.num_rows
                for name in numbers:
                    finite = pc.sum(pc.is_finite(batch[name])).as_py() or 0
                    unusable[name] += batch.num_rows - finite

    # Measurements seldom repeat: dictionary encoding takes three times as long and more space.
    parquet_writer = pq.ParquetWriter(dataset.path, schema, use_dictionary=False)
    with parquet_writer as writer, ThreadPoolExecutor() as pool:
        list(pool.map(copy, session.streams))

    where = f"{source_table} from {interval_start} to {interval_end}"
    counts = ", ".join(f"{count} in {name}" for name, count in unusable.items() if count)
    if rows == 0:
        raise ValueError(f"No rows in {where}: load that time's data, or run another interval.")
    if counts:
        raise ValueError(
            f"Null, NaN or infinite values in {where}: {counts} of {rows} rows: repair them."
        )
    if rows < 20:
        raise ValueError(f"Only {rows} rows in {where}: at least 20 are needed to split and fold.")
    dataset.metadata.update(rows=rows, source_table=source_table)
