"""A key of 64 bits for each row of a duel: of its cluster, or of the row itself.

A key is the BLAKE2b digest (RFC 7693) of 8 bytes, which no version of a library changes. So two
duels that read the same row give it the same key, and the values of the cluster column do not
leave the step that reads them.
"""

from typing import Any


def key_column() -> str:
    """The column with the keys; BigQuery allows no space in a name, so no other is called so."""
    return "row key"


def check_cluster_column(schema: Any, table: str, column: str, targets: list[str]) -> None:
    """Raise ValueError unless `column` can name the cluster of a row; `schema` is the table's.

    A label says nothing about which rows belong together. Floats are refused, since two that
    print alike may differ.
    """
    from pyarrow import types

    if column in targets:
        raise ValueError(
            f"cluster_column is {column}, a target: name the column of what has several rows, "
            "such as a customer."
        )
    if column not in schema.names:
        raise ValueError(
            f"Table {table} has no column {column}: correct duel.cluster_column in the model's "
            "YAML or add the column."
        )
    kind = schema.field(column).type
    if types.is_nested(kind) or types.is_floating(kind):
        raise ValueError(
            f"Column {column} of {table} is {kind}, which identifies no cluster: name a string, "
            "integer, date or the like as duel.cluster_column."
        )


def with_keys(batch: Any, table: str, cluster: str, timestamp: str, features: list[str]) -> Any:
    """The record batch and `key_column`, uint64: the keys of the values of the column `cluster`;
    if that is "", those of time and features, and never of labels.

    Raises ValueError for a null in the column `cluster`: rows of an unknown cluster may be of one
    or of many, so neither their number nor their mean is known.
    """
    import pyarrow as pa

    if cluster and batch[cluster].null_count:
        raise ValueError(
            f"Column {cluster} of {table} is null in some rows of the window: fill it, for example "
            "with COALESCE in a view, or remove duel.cluster_column."
        )
    keys = cluster_keys(batch[cluster]) if cluster else row_keys(batch, [timestamp, *features])
    return batch.append_column(key_column(), pa.array(keys))


def cluster_keys(column: Any) -> Any:
    """The key of each value, of its text or bytes; a time counts in its own unit since 1970."""
    from hashlib import blake2b

    import numpy as np
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())  # as text it would need a database of time zones
    if not pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    column = column.dictionary_encode()
    texts = column.dictionary.cast(pa.binary()).to_pylist()
    keys = b"".join(blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(keys, "<u8")[column.indices.to_numpy()]


def row_keys(batch: Any, columns: list[str]) -> Any:
    """The key of each row, of the values of these columns. Numbers and booleans count as float64,
    null as NaN, and -0 as 0, so that equal rows have equal keys; strings count by their keys."""
    import numpy as np
    import pyarrow as pa

    words = []
    for name in columns:
        column = batch[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
            words.append(column.to_numpy(zero_copy_only=False).astype("<i8"))
            continue
        if pa.types.is_string(column.type):
            known = column.is_valid().to_numpy(zero_copy_only=False)
            words.append(np.where(known, cluster_keys(column.fill_null("")), 0).view("<i8"))
            continue
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) + 0.0
        words.append(np.where(np.isnan(values), np.nan, values).astype("<f8").view("<i8"))
    return digests(words)


def digests(words: list[Any]) -> Any:
    """The key of each row of these columns of 64-bit integers."""
    from hashlib import blake2b

    import numpy as np

    raw, width = memoryview(np.column_stack(words).tobytes()), 8 * len(words)
    keys = [
        blake2b(raw[begin : begin + width], digest_size=8).digest()
        for begin in range(0, len(raw), width)
    ]
    return np.frombuffer(b"".join(keys), "<u8")
