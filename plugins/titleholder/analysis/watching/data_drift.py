"""Data drift as a watch job reports it, see docs/reference/watch-job.md. No I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

NAMED = 5  # categories in a sentence
STATISTICS = {"number": "Kolmogorov-Smirnov", "category": "total variation distance"}
PREDICTION = "prediction."  # begins the name of a target's predictions; no column has a dot


@dataclass(frozen=True)
class Categories:
    """Categories that are in one window only: their number, and the names of the most frequent."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnDrift:
    """How much a column, or the predictions of a target, differ from the training window; for
    predictions from the champion's first days.

    `kind` is number or category. A number that is unknown is NaN, such as `psi` of a column that
    was not compared, for `reason`. `missing_training` and `missing_recent` are parts of the rows, 0
    to 1. `limit` is that of psi, once one was applied.
    """

    column: str
    kind: str
    psi: float
    expected_psi: float
    statistic: float
    p_value: float
    n_training: float
    n_recent: float
    missing_training: float
    missing_recent: float
    new_categories: Categories = Categories()
    missing_categories: Categories = Categories()
    reason: str = ""
    limit: float | None = None

    @property
    def is_prediction(self) -> bool:
        """Whether it is about the predictions of a target."""
        return self.column.startswith(PREDICTION)


def parse_data_drift(raw: object) -> tuple[ColumnDrift, ...]:
    """The columns, then the predictions, of the metadata `data_drift` of a watch job. Total: what
    is no column is left out, and a number that is missing or not finite is NaN."""
    report = raw if isinstance(raw, Mapping) else {}
    predictions = report.get("predictions")
    predicted = predictions.get("columns") if isinstance(predictions, Mapping) else None
    return tuple(
        _column(entry)
        for entries in (report.get("columns"), predicted)
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("column"), str)
    )


def without_details(raw: object) -> object:
    """The report without the parts of each bin and category, which are most of it and in the job's
    artifact; `parse_data_drift` reads the same from it. Anything else as it is."""
    if isinstance(raw, Mapping):
        return {
            name: without_details(value)
            for name, value in raw.items()
            if name not in ("bins", "categories")
        }
    return [without_details(one) for one in raw] if isinstance(raw, list) else raw


def exceeded(
    report: tuple[ColumnDrift, ...],
    limits: Mapping[str, float],
    max_psi: float | None,
    min_rows: int,
) -> tuple[ColumnDrift, ...]:
    """The columns whose psi is above their limit, the largest psi first, each with that limit.

    The limit is the column's in `limits`, else `max_psi`; None is no limit. A column with fewer
    rows than `min_rows` in one of the windows, or without a psi, exceeds none.
    """
    limited = [
        replace(column, limit=limits.get(column.column, max_psi))
        for column in report
        if column.n_training >= min_rows and column.n_recent >= min_rows  # NaN is not
    ]
    above = [column for column in limited if column.limit is not None and column.psi > column.limit]
    return tuple(sorted(above, key=lambda column: -column.psi))


def sentence(column: ColumnDrift) -> str:
    """One line on a column, such as `waist_cm: PSI 0.31 (limit 0.2), Kolmogorov-Smirnov 0.22; 3 %
    missing, 0 % in training`."""
    if math.isnan(column.psi):
        return f"{column.column}: not compared: {column.reason or 'the report has no PSI'}"
    limit = "" if column.limit is None else f" (limit {column.limit:g})"
    numbers = f"PSI {column.psi:.2f}{limit}"
    if not math.isnan(column.statistic):
        numbers += f", {STATISTICS.get(column.kind, 'distance')} {column.statistic:.2f}"
    then = "in the first days" if column.is_prediction else "in training"
    parts = [numbers]
    if not math.isnan(column.missing_recent + column.missing_training):
        parts.append(
            f"{_percent(column.missing_recent)} missing, {_percent(column.missing_training)} {then}"
        )
    parts += [
        f"{kind} {_names(categories)}"
        for kind, categories in (
            ("new:", column.new_categories),
            ("no longer:", column.missing_categories),
        )
        if categories.count
    ]
    return f"{column.column}: {'; '.join(parts)}"


def _column(raw: Mapping[str, Any]) -> ColumnDrift:
    names = (
        *("psi", "expected_psi", "statistic", "p_value", "n_training", "n_recent"),
        *("missing_training", "missing_recent"),
    )
    reason = raw.get("reason")
    return ColumnDrift(
        column=raw["column"],
        kind=str(raw.get("kind")),
        **{name: _number(raw.get(name)) for name in names},
        new_categories=_categories(raw.get("new_categories")),
        missing_categories=_categories(raw.get("missing_categories")),
        reason=reason if isinstance(reason, str) else "",
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:
        return math.nan


def _categories(raw: object) -> Categories:
    known = raw if isinstance(raw, Mapping) else {}
    most = known.get("most_frequent")
    entries = [one for one in most if isinstance(one, Mapping)] if isinstance(most, list) else []
    names = tuple(one["name"] for one in entries if isinstance(one.get("name"), str))
    count = _number(known.get("count"))
    return Categories(len(names) if math.isnan(count) else max(int(count), len(names)), names)


def _names(categories: Categories) -> str:
    # Values of the source: quoted, so that a line feed or an empty string shows as what it is.
    shown = [repr(name) for name in categories.names[:NAMED]]
    rest = categories.count - len(shown)
    if rest:
        shown.append(f"{rest} more" if shown else f"{rest} categories")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _percent(part: float) -> str:
    """A part as a percentage of at most one decimal; one that is not 0 is at least 0.1 %."""
    shown = max(100 * part, 0.1) if part else 0.0
    return f"{shown:.1f}".removesuffix(".0") + " %"
