"""The rows of a duel: their window, and of each batch those that can be compared."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipeline.source import open_session, parse_time, read_batches, window_filter


def duel_window(
    champion_data_interval_end: str, challenger_data_interval_end: str, labels_until: str
) -> tuple[str, str]:
    """The window, from the later of the first two to the third, as RFC 3339 times in UTC.

    A window whose start is not before its end, as while the labels of the newest rows are pending,
    is empty: both ends are then its start. Raises ValueError for a text that is not a time.
    """
    start = max(
        parse_time("champion_data_interval_end", champion_data_interval_end),
        parse_time("challenger_data_interval_end", challenger_data_interval_end),
    )
    end = max(start, parse_time("labels_until", labels_until))
    return utc_text(start), utc_text(end)


def utc_text(time: "datetime") -> str:
    """The time, which is in UTC, as RFC 3339 text."""
    return f"{time.isoformat().removesuffix('+00:00')}Z"


def window_batches(
    client: Any,
    project: str,
    table: str,
    columns: list[str],
    start: str,
    end: str,
    batch_size: int,
) -> Iterator[Any]:
    """Arrow record batches of at most `batch_size` rows of [start, end), with these columns in this
    order; the first column is the timestamp.

    One stream only, so that one message (some megabytes at most) is held at once.
    """
    if start == end:
        return
    session, schema = open_session(
        client,
        project,
        table,
        selected_fields=columns,
        row_restriction=window_filter(columns[0], start, end),
    )
    for stream in session.streams:  # none when the table is empty
        for batch in read_batches(client, stream, schema, columns):
            for begin in range(0, batch.num_rows, batch_size):
                yield batch.slice(begin, batch_size)


def rows_schema(
    schema: Any, timestamp: str, features: list[str], targets: list[str], loss: str
) -> Any:
    """The columns of the rows to compare, from the table's Arrow schema: the time in UTC, features
    as float64, and labels, as strings or booleans for a classifier, otherwise as float64."""
    import pyarrow as pa

    def label(kind: Any) -> Any:
        as_is = loss in ("log_loss", "zero_one") and (
            pa.types.is_string(kind) or pa.types.is_boolean(kind)
        )
        return kind if as_is else pa.float64()

    return pa.schema(
        [
            (timestamp, pa.timestamp("us", tz="UTC")),
            *((name, pa.float64()) for name in features),
            *((name, label(schema.field(name).type)) for name in targets),
        ]
    )


def comparable_rows(
    batch: Any, schema: Any, features: list[str], targets: list[str]
) -> tuple[Any, int, list[int]]:
    """The rows of a batch with finite features and at least one label, in `rows_schema`; the number
    of rows with another feature; and for each target the number of rows with a label.

    A label that is null, NaN or infinite is missing, which is null in the result.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    batch = batch.cast(schema, safe=False)
    usable = pa.array([True] * batch.num_rows)
    for name in features:
        usable = pc.and_(usable, pc.fill_null(pc.is_finite(batch[name]), False))
    labelled, counts = pa.array([False] * batch.num_rows), []
    for name in targets:
        label = batch[name]
        if pa.types.is_float64(label.type):
            label = pc.if_else(pc.is_finite(label), label, pa.scalar(None, label.type))
            batch = batch.set_column(schema.get_field_index(name), schema.field(name), label)
        labelled = pc.or_(labelled, pc.is_valid(label))
        counts.append(batch.num_rows - label.null_count)
    skipped = batch.num_rows - usable.true_count
    return batch.filter(pc.and_(usable, labelled)), skipped, counts
