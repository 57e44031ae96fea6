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
        ("champion_data_until", champion_until),
        ("challenger_data_until", challenger_until),
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


def check_names(table: str, columns: list[str]) -> None:
    """Refuse names that BigQuery does not have; these could be something else inside of a query."""
    import re

    if not re.fullmatch(r"(bq://)?([a-z0-9.-]+:)?[\w-]+\.\w+\.[\w -]+", table):
        raise ValueError(
            f"source_table is {table!r}: name it project.dataset.table, with or without bq://."
        )
    for name in columns:
        if not re.fullmatch(r"[^\W\d]\w{0,299}", name):
            raise ValueError(
                f"The column name {name!r} is none that BigQuery has: correct it in the model's "
                "YAML."
            )


def check_duel_columns(
    offered: Any, table: str, timestamp: str, features: list[str], targets: list[str], metric: str
) -> None:
    """Refuse a table (by its Arrow schema) that cannot give what the metric needs."""
    from pyarrow import types

    def numeric(kind: Any) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))

    def label(kind: Any) -> bool:
        return bool(types.is_string(kind) or types.is_boolean(kind) or numeric(kind))

    if not features or not targets:
        raise ValueError("feature_columns or target_columns is empty: name at least one in each.")
    for name in (timestamp, *features, *targets):
        if name not in offered.names:
            raise ValueError(
                f"Table {table} has no column {name}: correct the name in the model's YAML or "
                "add the column."
            )
    if len({timestamp, *features, *targets}) < 1 + len(features) + len(targets):
        raise ValueError(
            f"A column is named twice in {', '.join((timestamp, *features, *targets))}: each may "
            "be the time, a feature or a target, once."
        )
    if not types.is_timestamp(kind := offered.field(timestamp).type) or kind.tz is None:
        raise ValueError(
            f"Column {timestamp} of {table} is {kind}, not a TIMESTAMP: name one that is as "
            "timestamp_column."
        )
    fits, what = (
        (numeric, "a number") if metric in ("absolute", "squared") else (label, "a label's type")
    )
    for name in (*features, *targets):
        kind = offered.field(name).type
        if not (fits if name in targets else numeric)(kind):
            raise ValueError(
                f"Column {name} of {table} is {kind}, not {what if name in targets else 'a number'}"
                ": convert it in the table or name another."
            )


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


def arrays(
    batch: Any, timestamp: str, features: list[str], targets: list[str], metric: str
) -> tuple[Any, Any, Any]:
    """Times (int64 microseconds since 1970), features and labels (rows x columns) of a batch.

    Null becomes NaN, among a classifier's labels None; so do NaN and infinite labels, for they
    tell no more.
    """
    import numpy as np
    import pyarrow as pa

    def floats(names: list[str]) -> Any:
        cast = [batch[name].cast(pa.float64(), safe=False) for name in names]
        return np.column_stack([one.to_numpy(zero_copy_only=False) for one in cast])

    times = batch[timestamp].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    if metric in ("absolute", "squared"):
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


def present(labels: Any) -> Any:
    """Where (rows x targets, bool) there is a label."""
    import numpy as np

    if labels.dtype != object:
        return ~np.isnan(labels)
    return np.array([one is not None for one in labels.flat], bool).reshape(labels.shape)
