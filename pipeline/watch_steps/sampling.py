"""A sample of the rows of a window, for their distribution: all rows have the same chance.

The duel's sample has as many rows of each day, so it would count a row of a quiet day for more.
"""

from collections.abc import Iterable
from typing import Any

from pipeline.duel_steps.keys import digests, key_column, row_keys


def draw(batches: Iterable[Any], columns: list[str], maximum: int) -> dict[str, Any]:
    """The sample of these record batches, whose first column is the time and whose others are
    `columns` of float64 or strings.

    Returns `table`, at most `maximum` rows, those with the smallest keys, None without rows;
    `total`, the number of all rows; and `categories`, for each column of strings the rows of each
    value among all rows, see `count_values`. Memory holds a batch, a few times the sample, and
    these values.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kept: Any = None
    limit: int | None = None  # the largest key of a full sample
    pending: list[Any] = []
    total = waiting = 0
    categories: dict[str, dict[str, int] | None] = {}
    for number, batch in enumerate(batches):
        total += batch.num_rows
        for name in columns:
            if pa.types.is_string(batch[name].type):
                categories[name] = count_values(categories.get(name, {}), batch[name])
        batch = batch.append_column(key_column(), pa.array(position_keys(batch, number)))
        if limit is not None:
            batch = batch.filter(pc.less(batch[key_column()], pa.scalar(limit, pa.uint64())))
        if not batch.num_rows:
            continue
        pending.append(batch)
        waiting += batch.num_rows
        if waiting >= maximum:
            kept, pending, waiting = smallest(kept, pending, maximum), [], 0
            limit = kept[key_column()][-1].as_py()
    if pending:
        kept = smallest(kept, pending, maximum)
    return {"table": kept, "total": total, "categories": categories}


def smallest(kept: Any, pending: list[Any], maximum: int) -> Any:
    """The `maximum` rows with the smallest keys of a table (or None) and of batches, in the order
    of their keys. Of rows with one key any are taken: they are equal."""
    import pyarrow as pa

    table = pa.Table.from_batches(pending)
    if kept is not None:
        table = pa.concat_tables([kept, table])
    return table.sort_by(key_column()).slice(0, maximum).combine_chunks()


def position_keys(batch: Any, number: int) -> Any:
    """The key of each row of the batch, of its values.

    Copies of a row in one batch have keys of their values and positions. A column that has the
    same value in half of the rows would otherwise be in the sample with all of these or with none.
    """
    import numpy as np

    keys = row_keys(batch, batch.schema.names)
    _, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    copies = np.flatnonzero(counts[places] > 1)
    if len(copies):
        keys = keys.copy()
        words = [keys[copies].view("<i8"), np.full(len(copies), number, "<i8"), copies]
        keys[copies] = digests([word.astype("<i8") for word in words])
    return keys


def count_values(known: dict[str, int] | None, column: Any) -> dict[str, int] | None:
    """`known` with the rows of each value of a column of strings, without nulls; None beyond 10,000
    values, as of a column of identifiers, which are no categories."""
    if known is None:
        return None
    for entry in column.drop_null().value_counts().to_pylist():
        known[entry["values"]] = known.get(entry["values"], 0) + entry["counts"]
    return known if len(known) <= 10_000 else None
