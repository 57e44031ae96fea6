"""The rows of a duel: their window, and arrays of times, features and labels."""

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

    One stream only: scoring takes most of the time, and one message (some megabytes at most) is
    held at once.
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


def arrays(
    batch: Any, timestamp: str, features: list[str], targets: list[str], loss: str
) -> tuple[Any, Any, Any]:
    """Times (int64 microseconds since 1970), features and labels (rows x columns) of a batch.

    A missing feature is NaN. A missing label, which includes NaN and infinite ones, is NaN for a
    regressor's loss and None for a classifier's.
    """
    import numpy as np
    import pyarrow as pa

    def floats(names: list[str]) -> Any:
        cast = [batch[name].cast(pa.float64(), safe=False) for name in names]
        return np.column_stack([column.to_numpy(zero_copy_only=False) for column in cast])

    times = batch[timestamp].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    if loss in ("absolute", "squared"):
        labels = floats(targets)
        return times, floats(features), np.where(np.isfinite(labels), labels, np.nan)
    labels = np.empty((batch.num_rows, len(targets)), object)
    for column, name in enumerate(targets):
        kind = batch[name].type
        numeric = not (pa.types.is_string(kind) or pa.types.is_boolean(kind))
        values = batch[name].cast(pa.float64(), safe=False) if numeric else batch[name]
        labels[:, column] = [
            None if value is None or (numeric and not np.isfinite(value)) else value
            for value in values.to_pylist()
        ]
    return times, floats(features), labels


def has_label(labels: Any) -> Any:
    """Where (rows x targets, bool) a label is present."""
    import numpy as np

    if labels.dtype != object:
        return ~np.isnan(labels)
    return np.array([label is not None for label in labels.flat], bool).reshape(labels.shape)
