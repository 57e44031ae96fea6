"""Facets of OpenLineage's standard (https://openlineage.io/docs/spec/facets). No I/O."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from titleholder.data_intervals import Interval


def schema(columns: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The facet `schema` of columns with name and type."""
    return {"fields": [{"name": name, "type": kind} for name, kind in columns]}


def interval_subset(column: str, interval: Interval) -> dict[str, Any]:
    """The input facet `subset`: the rows whose `column` is in the half-open interval."""
    lower = _comparison(column, "GREATER_EQUAL_THAN", interval.start)
    upper = _comparison(column, "LESS_THAN", interval.end)
    condition = {"type": "binary", "operator": "AND", "left": lower, "right": upper}
    return {"inputCondition": condition}


def row_metrics(rows: int, null_counts: dict[str, int] | None = None) -> dict[str, Any]:
    """The input facet `dataQualityMetrics`: rows, and of columns the rows without a value."""
    columns = {name: {"nullCount": count} for name, count in (null_counts or {}).items()}
    return {"rowCount": rows, "columnMetrics": columns}


def assertion(
    kind: str, success: bool, expected: str, actual: str, **params: str | float | None
) -> dict[str, Any]:
    """The input facet `dataQualityAssertions` with one assertion about the whole dataset. Of
    `params` those without a value are left out, and the numbers that JSON does not have."""
    found = {
        "assertion": kind,
        "success": success,
        "severity": "error",
        "expected": expected,
        "actual": actual,
    }
    known = {
        name: value
        for name, value in params.items()
        if isinstance(value, str) or (value is not None and math.isfinite(value))
    }
    return {"assertions": [found | ({"params": known} if known else {})]}


def test_result(name: str, passed: bool, expected: str, actual: str) -> dict[str, Any]:
    """The run facet `test` with the result of one test."""
    result = {
        "name": name,
        "status": "pass" if passed else "fail",
        "severity": "error",
        "expected": expected,
        "actual": actual,
    }
    return {"tests": [result]}


def _comparison(column: str, comparison: str, moment: datetime) -> dict[str, Any]:
    value = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "type": "compare",
        "left": {"type": "field", "field": column},
        "comparison": comparison,
        "right": {"type": "literal", "value": value},
    }
