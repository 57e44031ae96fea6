"""From inputs to instances, and the wildcards in names of objects."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.batch.instances import Conversion, Input, json_value, text_value
from sandbox.vertex.batch.outputs import object_name, stamp, table_name
from sandbox.vertex.batch.wildcards import literal_prefix, matcher

ROW = {"a": 1, "b": "x", "c": 2.5}
Config = types.BatchPredictionJob.InstanceConfig


def convert(value: Any, columns: Any = None, tabular: bool = False, **config: Any) -> Any:
    """The instance of a value, and what the output has of it."""
    conversion = Conversion(Config(**config), columns, tabular=tabular)
    instance = conversion.instance(value)
    return instance, conversion.shown(Input(value), instance)


@pytest.mark.parametrize(
    ("config", "instance", "shown"),
    [
        ({}, [1, "x", 2.5], {"instance": [1, "x", 2.5]}),
        ({"instance_type": "object"}, ROW, {"instance": ROW}),
        ({"key_field": "b"}, [1, 2.5], {"key": "x"}),
        ({"included_fields": ["c", "a"]}, [2.5, 1], {"instance": [2.5, 1]}),
        ({"excluded_fields": ["a"]}, ["x", 2.5], {"instance": ["x", 2.5], "a": 1}),
        ({"excluded_fields": ["a"], "key_field": "b"}, [2.5], {"key": "x"}),
    ],
)
def test_a_row_with_columns(config: Any, instance: Any, shown: Any) -> None:
    assert convert(ROW, list(ROW), **config) == (instance, shown)


def test_columns_of_an_output() -> None:
    assert convert(ROW, list(ROW), True)[1] == ROW
    assert convert(ROW, list(ROW), True, included_fields=["c", "a"])[1] == {"c": 2.5, "a": 1}
    assert convert(ROW, list(ROW), True, excluded_fields=["c"])[1] == ROW
    assert convert(ROW, list(ROW), True, key_field="b")[1] == {"key": "x"}


@pytest.mark.parametrize(
    ("value", "config", "instance"),
    [
        ([1, 2], {}, [1, 2]),
        ("text", {}, "text"),
        (ROW, {}, ROW),
        (ROW, {"key_field": "a"}, {"b": "x", "c": 2.5}),
        (ROW, {"instance_type": "array", "included_fields": ["b", "a"]}, ["x", 1]),
        ([1], {"instance_type": "array"}, [1]),
    ],
)
def test_a_value_in_json(value: Any, config: Any, instance: Any) -> None:
    assert convert(value, **config)[0] == instance


@pytest.mark.parametrize(
    ("value", "config", "message"),
    [
        ([1], {"key_field": "a"}, "no object"),
        ([1], {"instance_type": "object"}, "no object"),
        ("x", {"instance_type": "array"}, "no array"),
        (ROW, {"instance_type": "array"}, "no order"),
        (ROW, {"included_fields": ["z"]}, "no field 'z'"),
        (ROW, {"key_field": "z"}, "no field 'z'"),
    ],
)
def test_a_value_without_an_instance(value: Any, config: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert(value, **config)


@pytest.mark.parametrize(
    ("columns", "config", "message"),
    [
        (["a"], {"key_field": "z"}, "no column 'z'; there are a"),
        (["a", "prediction"], {}, "rename"),
        (["a", "errors"], {}, "rename"),
    ],
)
def test_columns_that_do_not_fit(columns: Any, config: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conversion(Config(**config), columns, tabular=True)


def test_values_of_bigquery() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert json_value({"n": Decimal("2.25"), "b": b"abc", "r": [{"t": time}]}) == {
        "n": 2.25,
        "b": "YWJj",
        "r": [{"t": "2026-01-02 03:04:05.000006+00:00"}],
    }
    assert json_value([date(2026, 1, 2), time.replace(tzinfo=None), time.time(), None, True]) == [
        *("2026-01-02", "2026-01-02T03:04:05.000006", "03:04:05.000006"),
        *(None, True),
    ]
    for number in (math.nan, -math.inf, Decimal("NaN")):
        with pytest.raises(ValueError, match="JSON does not have"):
            json_value([number])
    assert text_value([math.nan, {"a": Decimal("inf")}]) == '["nan", {"a": "inf"}]'
    assert [text_value(None), text_value("x"), text_value(1.5)] == ["", "x", "1.5"]


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("in/*.csv", ["in/a.csv", "in/.csv"], ["in/x/a.csv", "in/a.csv.gz", "in/acsv"]),
        ("in/**.csv", ["in/a.csv", "in/x/a.csv"], ["a.csv"]),
        ("in/part-?", ["in/part-1"], ["in/part-", "in/part-10", "in/part-/"]),
        ("a[0-2x].b", ["a1.b", "ax.b"], ["a3.b", "a[.b"]),
        ("a[!0-2].b", ["a3.b"], ["a1.b"]),
        ("{one,t*o}/x", ["one/x", "t*o/x"], ["two/x"]),
        ("a+(b)[", ["a+(b)["], ["aab["]),
    ],
)
def test_wildcards(pattern: str, matches: list[str], others: list[str]) -> None:
    found = matcher(pattern)
    assert all(map(found.fullmatch, matches))
    assert not any(map(found.fullmatch, others))
    assert all(name.startswith(literal_prefix(pattern)) for name in matches)


def test_names_of_outputs() -> None:
    assert stamp(datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC)) == "2026-01-02T03:04:05.678Z"
    assert table_name("a-model 2026:01.é") == "a_model_2026_01__"
    assert object_name("../a model.v1") == ".._a_model.v1"
