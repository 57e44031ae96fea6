"""A sample of the rows of each UTC day: those with the smallest keys.

It depends on the set of rows only: not on their order, on how they are divided into batches, or on
when the duel runs. A row that arrives late may displace others of its day, and brings none back.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.duel_steps.keys import key_column


def sample_batches(
    batches: Iterable[Any], timestamp: str, columns: list[str], maximum: int, batch_size: int
) -> tuple[list[Any], dict[str, Any]]:
    """The sample of these record batches, which have keys of these `columns`, in batches of at most
    `batch_size`; and a description of it, as in docs/reference/duel.md.

    Raises ValueError if no row is in the sample, see `sample_days`.
    """
    sample, total, empty_days = sample_days(batches, timestamp, maximum)
    if total and not sample.num_rows:
        raise ValueError(
            f"max_rows_per_day is {maximum}, and on every day the rows with the same "
            f"{', '.join(columns)} are more: raise duel.max_rows_per_day, so that some are scored."
        )
    return sample.to_batches(batch_size) if total else [], {
        "max_rows_per_day": maximum,
        "sampled_by": columns,
        "rows_in_window": total,
        "days_without_rows": empty_days,
    }


def sample_days(batches: Iterable[Any], timestamp: str, maximum: int) -> tuple[Any, int, int]:
    """The sample of these record batches, as a table in the order of day and key, or None without
    batches; the number of all rows; and the number of days of which no row is in the sample.

    Of each day the rows are taken key by key, the smallest first, for as long as all rows of a key
    fit into `maximum`. With rows of equal key, such as those of a cluster, a day may so have fewer
    rows than that, and none if the first key already has more.

    Memory holds a batch and a few times the sample, not the rows.
    """
    import numpy as np
    import pyarrow as pa

    kept: Any = None
    pending: list[Any] = []
    total = waiting = 0
    limits: dict[int, int | None] = {}  # by day, the first key that does not fit, if any
    for batch in batches:
        total += batch.num_rows
        days = days_of(batch, timestamp)
        keys = batch[key_column()].to_numpy()
        below = np.ones(len(days), bool)
        for day in np.unique(days).tolist():
            limit = limits.setdefault(day, None)
            if limit is not None:
                below &= (days != day) | (keys < limit)
        if not below.any():
            continue
        # Of a key that did not fit before, not all rows are there any more.
        pending.append(batch.filter(pa.array(below)))
        waiting += pending[-1].num_rows
        if waiting >= (kept.num_rows if kept is not None else 0):
            kept = smallest_keys(pending, kept, timestamp, maximum, limits)
            pending, waiting = [], 0
    if pending:
        kept = smallest_keys(pending, kept, timestamp, maximum, limits)
    found = np.unique(days_of(kept, timestamp)) if kept is not None else ()
    return kept, total, len(limits) - len(found)


def smallest_keys(
    pending: list[Any], kept: Any, timestamp: str, maximum: int, limits: dict[int, int | None]
) -> Any:
    """The rows of `kept` (a table, or None) and the batches `pending` that fit, in the order of day
    and key. `limits` is lowered."""
    import numpy as np
    import pyarrow as pa

    table = pa.Table.from_batches(pending)
    if kept is not None:
        table = pa.concat_tables([kept, table])
    days, keys = days_of(table, timestamp), table[key_column()].to_numpy()
    order = np.lexsort((keys, days))
    days, keys = days[order], keys[order]
    new_day = np.diff(days, prepend=days[:1] - 1) != 0
    new_key = new_day | (np.diff(keys, prepend=keys[:1]) != 0)
    starts, ends = np.flatnonzero(new_day), np.append(np.flatnonzero(new_key)[1:], len(keys))
    # The rows of the day up to and with the last one of this key.
    counts = ends[np.cumsum(new_key) - 1] - starts[np.cumsum(new_day) - 1]
    fits = counts <= maximum
    over, first = np.unique(days[~fits], return_index=True)
    for day, key in zip(over.tolist(), keys[~fits][first].tolist(), strict=True):
        limits[day] = key
    return table.take(pa.array(order[fits])).combine_chunks()


def days_of(rows: Any, timestamp: str) -> Any:
    """The UTC day of each row, counted since 1970."""
    import pyarrow as pa

    times = rows[timestamp].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return times.to_numpy() // 86_400_000_000
