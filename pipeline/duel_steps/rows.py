"""The rows of a duel: which window, which columns, and how they come out of BigQuery."""

from collections.abc import Iterator
from typing import Any


def duel_window(champion_until: str, challenger_until: str, labels_until: str) -> tuple[str, str]:
    """The window as RFC 3339 times in UTC: from the later of the first two, up to the third.

    A window whose start is not before its end is empty, as while the newest model's labels are
    still too young: both ends are then its start. Raises ValueError for what is no time.
    """
    from datetime import UTC, datetime

    times = []
    for name, text in (
        ("champion_data_interval_end", champion_until),
        ("challenger_data_interval_end", challenger_until),
        ("labels_until", labels_until),
    ):
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = datetime.min
        if time.tzinfo is None:
            raise ValueError(
                f"{name} is {text!r}: give a time with its zone, such as 2026-01-05T03:00:00Z."
            )
        times.append(time.astimezone(UTC))
    start = max(times[:2])
    start_text, end_text = (
        f"{time.isoformat().removesuffix('+00:00')}Z" for time in (start, max(start, times[2]))
    )
    return start_text, end_text


def offered_schema(client: Any, parent: str, path: str, table: str) -> Any:
    """The table's Arrow schema, without reading a row. Raises ValueError when there is no table."""
    from google.api_core.exceptions import NotFound
    from google.cloud.bigquery_storage import DataFormat, ReadSession
    from pyarrow import ipc, py_buffer

    try:
        session = client.create_read_session(
            parent=parent,
            read_session=ReadSession(table=path, data_format=DataFormat.ARROW),
            max_stream_count=1,
        )
    except NotFound:
        raise ValueError(
            f"Table {table} does not exist: create it, or correct the table in the model's YAML."
        ) from None
    return ipc.read_schema(py_buffer(session.arrow_schema.serialized_schema))


def read_batches(
    client: Any, parent: str, path: str, columns: list[str], restriction: str, size: int
) -> Iterator[Any]:
    """Arrow record batches of at most `size` rows, with these columns in this order.

    One stream after another: scoring is what takes the time, and only one message of the server's
    (some megabytes at most) is held at once.
    """
    import pyarrow as pa
    from google.cloud.bigquery_storage import DataFormat, ReadSession

    session = client.create_read_session(
        parent=parent,
        read_session=ReadSession(
            table=path,
            data_format=DataFormat.ARROW,
            read_options={"selected_fields": columns, "row_restriction": restriction},
        ),
        max_stream_count=1,
    )
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    for stream in session.streams:  # none when the table is empty
        for message in client.read_rows(stream.name):
            raw = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
            batch = pa.ipc.read_record_batch(raw, schema).select(columns)
            for begin in range(0, batch.num_rows, size):
                yield batch.slice(begin, size)
