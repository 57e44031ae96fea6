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
    """The row restriction start <= column < end; both ends are RFC 3339 times."""
    from datetime import UTC, datetime

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


def check_columns(schema: Any, table: str, timestamp: str, key: str, numbers: list[str]) -> None:
    """Refuse a table (by its Arrow schema) that cannot give the columns asked for."""
    import pyarrow as pa

    remedy = "correct the name in the model's YAML or add the column"
    for name in (timestamp, key, *numbers):
        if name not in schema.names:
            raise ValueError(f"Table {table} has no column {name}: {remedy}.")
    if (
        not pa.types.is_timestamp(schema.field(timestamp).type)
        or not schema.field(timestamp).type.tz
    ):
        raise ValueError(
            f"Column {timestamp} of {table} is no TIMESTAMP: name one that is as timestamp_column."
        )
    for name in numbers:
        kind = schema.field(name).type
        if not (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        ):
            raise ValueError(
                f"Column {name} of {table} is {kind}, not a number: convert it in the table or "
                "leave it out of the feature and target columns."
            )
    if len(set(numbers)) < len(numbers):
        raise ValueError(
            f"A column is named twice in {', '.join(numbers)}: name every feature and target once."
        )
