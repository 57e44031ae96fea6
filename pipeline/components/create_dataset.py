"""The step that takes a run's rows out of BigQuery.

Rows come as Arrow batches over the BigQuery Storage Read API and go to Parquet one batch at a
time, so a table of any size needs the memory of a few batches.
"""

from typing import Any

from kfp import dsl

from pipeline.component import component
from pipeline.source import check_columns, table_path, window_filter


def storage_client() -> Any:
    """A BigQuery Storage client; against BIGQUERY_STORAGE_EMULATOR_HOST if that is set.

    The variable is `host:port` on this machine, with or without `http://`: Google's client has none
    of its own. Raises ValueError for any other than a loopback address: nothing else is called in
    Google's place.
    """
    import os

    from google.cloud.bigquery_storage import BigQueryReadClient

    url = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST", "")
    if not url:
        return BigQueryReadClient()  # type: ignore[no-untyped-call]
    import ipaddress
    import re

    # Nothing but these parts: what two libraries could read differently is not let through.
    pattern = r"(?:http://)?((localhost|[0-9.]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)/?"
    match = re.fullmatch(pattern, url)
    try:
        address = match[2].strip("[]") if match else ""
        here = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        here = False
    if match is None or not here:
        raise ValueError(
            f"BIGQUERY_STORAGE_EMULATOR_HOST is {url!r}, which is no address on this machine: "
            "write http://127.0.0.1:PORT, or unset it to use Google Cloud."
        )
    import grpc  # type: ignore[import-untyped]
    from google.cloud.bigquery_storage_v1.services.big_query_read import transports

    unlimited = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(match[1], options=unlimited)
    transport = transports.BigQueryReadGrpcTransport(channel=channel)  # without credentials
    return BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]


@component(
    "google-cloud-bigquery-storage",
    "pyarrow",
    helpers=(storage_client, table_path, window_filter, check_columns),
)
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
    order is whatever the streams give: sort before depending on it. Raises ValueError, in one
    sentence, for a table, window or values that cannot be trained on.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Lock

    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from google.api_core.exceptions import NotFound
    from google.cloud.bigquery_storage import DataFormat, ReadSession

    client = storage_client()

    def open_session(streams: int, **options: Any) -> tuple[Any, Any]:
        session = client.create_read_session(
            parent=f"projects/{project}",
            read_session=ReadSession(
                table=path, data_format=DataFormat.ARROW, read_options=options
            ),
            max_stream_count=streams,
        )
        return session, pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))

    path = table_path(source_table)
    restriction = window_filter(timestamp_column, interval_start, interval_end)
    numbers = [*feature_columns, *target_columns]
    try:
        _, offered = open_session(1)  # opening costs nothing, and tells the columns' types
    except NotFound:
        raise ValueError(
            f"Table {source_table} does not exist: create it, or correct the table in the "
            "model's YAML."
        ) from None
    check_columns(
        offered, source_table, timestamp_column, key_column, feature_columns, target_columns
    )
    # Two: one sends while the other's batch is written. More would only fill memory.
    session, sent = open_session(
        2, selected_fields=[key_column, *numbers], row_restriction=restriction
    )

    schema = pa.schema(
        [(key_column, offered.field(key_column).type), *((name, pa.float64()) for name in numbers)]
    )
    rows, unusable, lock = 0, dict.fromkeys(numbers, 0), Lock()

    def copy(stream: Any) -> None:
        nonlocal rows
        for message in client.read_rows(stream.name):
            raw = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
            batch = pa.ipc.read_record_batch(raw, sent).select(schema.names)
            batch = batch.cast(schema, safe=False)
            with lock:
                writer.write_batch(batch)
                rows += batch.num_rows
                for name in numbers:
                    finite = pc.sum(pc.is_finite(batch[name])).as_py() or 0
                    unusable[name] += batch.num_rows - finite

    # Measurements seldom repeat: a dictionary of them takes three times as long, and more room.
    written = pq.ParquetWriter(dataset.path, schema, use_dictionary=False)
    with written as writer, ThreadPoolExecutor() as pool:
        list(pool.map(copy, session.streams))

    where = f"{source_table} from {interval_start} to {interval_end}"
    bad = ", ".join(f"{count} in {name}" for name, count in unusable.items() if count)
    if rows == 0:
        raise ValueError(f"No rows in {where}: load that time's data, or run another interval.")
    if bad:
        raise ValueError(
            f"Null, NaN or infinite values in {where}: {bad} of {rows} rows: repair them."
        )
    if rows < 20:
        raise ValueError(f"Only {rows} rows in {where}: at least 20 are needed to split and fold.")
    dataset.metadata.update(rows=rows, source_table=source_table)
