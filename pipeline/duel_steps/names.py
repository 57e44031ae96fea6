"""What a duel may be asked about: names that BigQuery has, columns that the table has."""

from typing import Any


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
    offered: Any, table: str, timestamp: str, features: list[str], targets: list[str], loss: str
) -> None:
    """Refuse a table (by its Arrow schema) that cannot give what the loss needs."""
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
        (numeric, "a number") if loss in ("absolute", "squared") else (label, "a label's type")
    )
    for name in (*features, *targets):
        kind = offered.field(name).type
        if not (fits if name in targets else numeric)(kind):
            raise ValueError(
                f"Column {name} of {table} is {kind}, not {what if name in targets else 'a number'}"
                ": convert it in the table or name another."
            )
