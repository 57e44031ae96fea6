"""The columns of which data drift is reported, and the report on each."""

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.watch_steps.distributions import (
    bin_edges_of,
    category_counts,
    frequent_names,
    homogeneity,
    kolmogorov_smirnov,
    number_counts,
    stability_index,
)


def drift_kinds(schema: Any, table: str, timestamp: str, columns: list[str]) -> dict[str, str]:
    """By column of the table's Arrow schema, `number` or `category` (strings, booleans).

    Raises ValueError for a column that is missing or of another type, also for a `timestamp` that
    is no TIMESTAMP.
    """
    from pyarrow import types

    kinds = {}
    for name in (timestamp, *columns):
        if name not in schema.names:
            parameter = "timestamp_column" if name == timestamp else "drift_columns"
            raise ValueError(
                f"Table {table} has no column {name}: correct {parameter} or add the column."
            )
    time = schema.field(timestamp).type
    if not types.is_timestamp(time) or time.tz is None:
        raise ValueError(
            f"Column {timestamp} of {table} is {time}, not a TIMESTAMP: name one that is as "
            "timestamp_column."
        )
    for name in columns:
        kind = schema.field(name).type
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            kinds[name] = "number"
        elif types.is_string(kind) or types.is_boolean(kind):
            kinds[name] = "category"
        else:
            raise ValueError(
                f"Column {name} of {table} is {kind}, not a number, string or boolean: remove it "
                "from drift_columns or convert it in a view."
            )
    return kinds


def typed_columns(batches: Iterable[Any], kinds: dict[str, str]) -> Iterator[Any]:
    """The record batches, whose first column is the time, with numbers as float64, and with
    categories as strings, of which the first 100 characters count."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in batches:
        columns = {batch.schema.names[0]: batch.column(0)}
        for name, kind in kinds.items():
            if kind == "number":
                columns[name] = batch[name].cast(pa.float64(), safe=False)
            else:
                columns[name] = pc.utf8_slice_codeunits(batch[name].cast(pa.string()), 0, 100)
        yield pa.record_batch(list(columns.values()), names=list(columns))


def column_report(
    name: str,
    kind: str,
    training: dict[str, Any],
    recent: dict[str, Any],
    *,
    source: str = "",
    reference: str = "training",
) -> dict[str, Any]:
    """The report on one column, as JSON, of two results of `draw`: see docs/reference/watch-job.md.

    `source` is the name of the column in these, if it is another, and `reference` what the first
    window is called. An unknown number is None.
    """
    source = source or name
    tables = [sample["table"] for sample in (training, recent)]
    sizes = [0 if table is None else table.num_rows for table in tables]
    without = [of for of, size in zip((reference, "last"), sizes, strict=True) if not size]
    report: dict[str, Any] = {"column": name, "kind": kind, "reason": None}
    report |= dict.fromkeys(("psi", "expected_psi", "statistic", "p_value"))
    report |= {"n_training": sizes[0], "n_recent": sizes[1]}
    report |= dict.fromkeys(("missing_training", "missing_recent"))
    if without:
        report["reason"] = f"there are no rows in the {' and the '.join(without)} window"
        return report
    columns = [table[source].combine_chunks() for table in tables]
    report |= number_report(*columns) if kind == "number" else category_report(*columns)
    if kind == "category":
        report |= category_changes(training["categories"][source], recent["categories"][source])
    return report


def number_report(training: Any, recent: Any) -> dict[str, Any]:
    """The entries of `column_report` for two columns of numbers."""
    import numpy as np

    values = [column.to_numpy(zero_copy_only=False) for column in (training, recent)]
    finite = [numbers[np.isfinite(numbers)] for numbers in values]
    edges = bin_edges_of(finite[0])
    counts = [number_counts(numbers, edges) for numbers in values]
    report = compared(*counts) | {"bins": {"edges": edges.tolist(), **parts(*counts)}}
    if all(map(len, finite)):
        report["statistic"], report["p_value"] = kolmogorov_smirnov(*finite)
    return report


def category_report(training: Any, recent: Any) -> dict[str, Any]:
    """The entries of `column_report` for two columns of categories."""
    values = [column.to_pylist() for column in (training, recent)]
    names = frequent_names(values[0])
    counts = [category_counts(texts, names) for texts in values]
    report = compared(*counts) | {"categories": {"names": names, **parts(*counts)}}
    report["statistic"], report["p_value"] = homogeneity(*counts)
    return report


def compared(training: Any, recent: Any) -> dict[str, Any]:
    """The entries of `column_report` that two counts give."""
    index, expected = stability_index(training, recent)
    return {
        "psi": index,
        "expected_psi": expected,
        "missing_training": float(training[-1] / training.sum()),
        "missing_recent": float(recent[-1] / recent.sum()),
    }


def parts(training: Any, recent: Any) -> dict[str, list[float]]:
    """The parts of all rows that each bin or category has, without that of missing values."""
    return {
        "training": (training[:-1] / training.sum()).tolist(),
        "recent": (recent[:-1] / recent.sum()).tolist(),
    }


def category_changes(
    training: dict[str, int] | None, recent: dict[str, int] | None
) -> dict[str, Any]:
    """Categories of all rows, not only of the sample, that are in one window only: their number,
    and of the most frequent 20 the name and the rows. None if there are too many to be known."""

    def only_in(one: dict[str, int], other: dict[str, int]) -> dict[str, Any]:
        names = sorted(one.keys() - other.keys(), key=lambda name: (-one[name], name))
        most = [{"name": name, "rows": one[name]} for name in names[:20]]
        return {"count": len(names), "most_frequent": most}

    if training is None or recent is None:
        return {"new_categories": None, "missing_categories": None}
    return {
        "new_categories": only_in(recent, training),
        "missing_categories": only_in(training, recent),
    }


def shortened(report: dict[str, Any], maximum: int) -> dict[str, Any]:
    """The report, with a list `columns`, within about `maximum` bytes of JSON: without bins and
    categories, and then without the columns of the least psi, if it would have more.

    Vertex AI keeps 200 KB of metadata for an artifact.
    """
    import json

    details = ("bins", "categories")
    if len(json.dumps(report)) <= maximum:
        return report
    columns = [
        {name: value for name, value in column.items() if name not in details}
        for column in report["columns"]
    ]
    columns.sort(key=lambda column: 1.0 if column["psi"] is None else -column["psi"])
    rest = maximum - len(json.dumps(report | {"columns": []})) - 100
    kept = []
    for column in columns:
        rest -= len(json.dumps(column)) + 2
        if rest < 0:
            break
        kept.append(column)
    return report | {"columns": kept, "columns_omitted": len(columns) - len(kept)}
