"""The rows of a duel or watch job: their window, and of each batch those that can be compared."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipeline.duel_steps.sample import days_of
from pipeline.source import open_session, parse_time, read_batches, window_filter


def duel_window(
    champion_data_interval_end: str,
    challenger_data_interval_end: str,
    labels_until: str,
    window_start: str = "",
) -> tuple[str, str]:
    """The window, from the latest of the other times to `labels_until`, as RFC 3339 times in UTC.
    Without a challenger, and without a `window_start`, these are "".

    A window whose start is not before its end, as while the labels of the newest rows are pending,
    is empty: both ends are then its start. Raises ValueError for a text that is not a time.
    """
    start = parse_time("champion_data_interval_end", champion_data_interval_end)
    for name, text in (
        ("challenger_data_interval_end", challenger_data_interval_end),
        ("window_start", window_start),
    ):
        start = max(start, parse_time(name, text)) if text else start
    end = max(start, parse_time("labels_until", labels_until))
    return utc_text(start), utc_text(end)


def utc_text(time: "datetime") -> str:
    """The time, which is in UTC, as RFC 3339 text."""
    return f"{time.isoformat().removesuffix('+00:00')}Z"


def time_text(microseconds: int | None) -> str | None:
    """A time in microseconds since 1970 as RFC 3339 text; None for None."""
    from datetime import UTC, datetime

    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return utc_text(datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest))


def window_batches(
    client: Any,
    project: str,
    table: str,
    columns: list[str],
    start: str,
    end: str,
    batch_size: int,
    condition: str = "",
) -> Iterator[Any]:
    """Arrow record batches of at most `batch_size` rows of [start, end), with these columns in this
    order; the first column is the timestamp. `condition` is one more that the rows fulfil, in SQL.

    One stream only, so that one message (some megabytes at most) is held at once.
    """
    if start == end:
        return
    session, schema = open_session(
        client,
        project,
        table,
        selected_fields=columns,
        row_restriction=window_filter(columns[0], start, end) + (condition and f" AND {condition}"),
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


def typed_rows(batch: Any, schema: Any, targets: list[str]) -> Any:
    """The batch in `rows_schema`. A label that is null, NaN or infinite is missing, which is null
    in the result."""
    import pyarrow as pa
    import pyarrow.compute as pc

    batch = batch.cast(schema, safe=False)
    for name in targets:
        label = batch[name]
        if pa.types.is_float64(label.type):
            label = pc.if_else(pc.is_finite(label), label, pa.scalar(None, label.type))
            batch = batch.set_column(schema.get_field_index(name), schema.field(name), label)
    return batch


def comparable_rows(
    batch: Any, features: list[str], targets: list[str]
) -> tuple[Any, int, list[int]]:
    """The rows of a batch of `typed_rows` with finite features and at least one label; the number
    of rows with another feature; and for each target the number of rows with a label."""
    import pyarrow as pa
    import pyarrow.compute as pc

    usable = pa.array([True] * batch.num_rows)
    for name in features:
        usable = pc.and_(usable, pc.fill_null(pc.is_finite(batch[name]), False))
    labelled, counts = pa.array([False] * batch.num_rows), []
    for name in targets:
        labelled = pc.or_(labelled, pc.is_valid(batch[name]))
        counts.append(batch.num_rows - batch[name].null_count)
    skipped = batch.num_rows - usable.true_count
    return batch.filter(pc.and_(usable, labelled)), skipped, counts


def add_days(counts: dict[int, list[int]], batch: Any, timestamp: str, target: str) -> None:
    """Add to `counts` the rows of a batch of `typed_rows`, and those with a label of `target`, by
    UTC day since 1970."""
    import numpy as np

    days, positions = np.unique(days_of(batch, timestamp), return_inverse=True)
    labelled = batch[target].is_valid().to_numpy(zero_copy_only=False)
    both = (np.bincount(positions), np.bincount(positions, labelled))
    for day, *found in zip(days.tolist(), *both, strict=True):
        known = counts.get(day, [0, 0])
        counts[day] = [one + int(other) for one, other in zip(known, found, strict=True)]


def day_counts(counts: dict[int, list[int]]) -> list[dict[str, Any]]:
    """The result of `add_days`, as the metadata of `read_rows` have it."""
    from datetime import UTC, datetime

    return [
        {
            "day": f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}",
            "rows": rows,
            "rows_labelled": labelled,
        }
        for day, (rows, labelled) in sorted(counts.items())
    ]
