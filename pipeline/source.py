"""What a run asks of its source table: checked, and put as the Storage Read API wants it.

These functions travel with the steps that use them, so each imports inside.
"""

from typing import Any


def table_path(table: str) -> str:
    """`projects/P/datasets/D/tables/T` of `P.D.T`, which may have the prefix `bq://`."""
    parts = table.removeprefix("bq://").rsplit(".", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(
            f"source_table is {table!r}: name it project.dataset.table, with or without bq://."
        )
    return "projects/{}/datasets/{}/tables/{}".format(*parts)


def window_filter(column: str, start: str, end: str) -> str:
    """The row restriction start <= column < end; both ends are RFC 3339 times.

    Raises ValueError for what is no name of a column, as it becomes part of the restriction.
    """
    import re
    from datetime import UTC, datetime

    if not re.fullmatch(r"[^\W\d]\w{0,299}", column):
        raise ValueError(
            f"timestamp_column is {column!r}, which is no name of a column: correct it in the "
            "model's YAML."
        )
    times = []
    for name, text in (("interval_start", start), ("interval_end", end)):
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = datetime.min
        if time.tzinfo is None:
            raise ValueError(
                f"{name} is {text!r}: give a time with its zone, such as 2026-01-05T03:00:00Z."
            )
        times.append(time.astimezone(UTC))
    low, high = times
    if low >= high:
        raise ValueError(f"interval_end {end} is not after interval_start {start}: swap them.")
    return f"`{column}` >= TIMESTAMP '{low}' AND `{column}` < TIMESTAMP '{high}'"


def check_columns(
    offered: Any, table: str, timestamp: str, key: str, features: list[str], targets: list[str]
) -> None:
    """Refuse a table (by its Arrow schema) that cannot give the columns asked for."""
    from pyarrow import types

    if not features or not targets:
        raise ValueError("feature_columns or target_columns is empty: name at least one in each.")
    for name in (timestamp, key, *features, *targets):
        if name not in offered.names:
            raise ValueError(
                f"Table {table} has no column {name}: correct the name in the model's YAML or "
                "add the column."
            )
    if len({key, *features, *targets}) < 1 + len(features) + len(targets):
        raise ValueError(
            f"A column is named twice in {', '.join((key, *features, *targets))}: each may be "
            "the key, a feature or a target, once."
        )
    if not types.is_timestamp(kind := offered.field(timestamp).type) or kind.tz is None:
        raise ValueError(
            f"Column {timestamp} of {table} is {kind}, not a TIMESTAMP: name one that is as "
            "timestamp_column."
        )
    for name in (*features, *targets):
        kind = offered.field(name).type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            raise ValueError(
                f"Column {name} of {table} is {kind}, not a number: convert it in the table or "
                "leave it out of the feature and target columns."
            )
