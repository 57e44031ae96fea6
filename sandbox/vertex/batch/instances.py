"""From inputs to instances, and what of an input the output repeats. No I/O.

Source: BatchPredictionJob.InstanceConfig in
google/cloud/aiplatform/v1/batch_prediction_job.proto, and
https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

INSTANCE: Final = "instance"
KEY: Final = "key"
PREDICTION: Final = "prediction"
ERROR: Final = "error"
RESERVED: Final = (INSTANCE, KEY, PREDICTION, ERROR)
"""Fields of an output in JSON Lines."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input: a JSON value, or the fields of a row."""

    value: Any
    shown: Any = None
    """What the output has in place of the instance, if it is something else."""
    error: str = ""
    """Why it cannot be read; empty if it was."""


class Conversion:
    """Makes instances of inputs.

    `columns` are the names in a table's schema or a CSV file's header, and None for inputs in JSON;
    with `tabular`, the output has columns, too. Raises ValueError for a name that is no column, and
    for a column whose name the output needs.
    """

    def __init__(self, config: Any, columns: Sequence[str] | None, *, tabular: bool) -> None:
        self._key: str = config.key_field
        self._included = tuple(config.included_fields)
        self._excluded = tuple(config.excluded_fields)
        self._named = columns is not None
        self._object = config.instance_type == "object"
        self._array = config.instance_type == "array" or (self._named and not self._object)
        self._tabular = tabular and self._named and not self._key
        named = (*filter(None, [self._key]), *self._included, *self._excluded)
        if columns is not None:
            for name in named:
                if name not in columns:
                    raise ValueError(f"there is no column {name!r}; there are {', '.join(columns)}")
        if self._key:
            self.columns: tuple[str, ...] = (KEY,)
        elif self._tabular and columns is not None:
            self.columns = self._included or tuple(columns)
            for name in (PREDICTION, ERROR, "errors"):
                if name in self.columns:
                    raise ValueError(
                        f"the column {name} has a name that the output needs; rename it"
                    )
        else:
            self.columns = (INSTANCE, *self._excluded)

    def instance(self, value: Any) -> Any:
        """The instance of an input; raises ValueError, one clause, if there is none."""
        fields = value if isinstance(value, dict) else None
        if fields is None:
            if self._key or self._included or self._excluded:
                raise ValueError("it is no object, and instance_config names its fields")
            if self._object:
                raise ValueError("it is no object, and instance_config.instance_type is object")
            if self._array and not isinstance(value, list):
                raise ValueError("it is no array, and instance_config.instance_type is array")
            return json_value(value)
        for name in (*filter(None, [self._key]), *self._included):
            if name not in fields:
                raise ValueError(f"it has no field {name!r}")
        if self._array and not self._named and not self._included:
            raise ValueError(
                "it is an object, and instance_config.included_fields gives no order for an array"
            )
        left_out = {self._key, *self._excluded}
        names = self._included or [name for name in fields if name not in left_out]
        chosen = {name: json_value(fields[name]) for name in names}
        return list(chosen.values()) if self._array else chosen

    def shown(self, item: Input, instance: Any) -> dict[str, Any]:
        """What the output has of an input, by its `columns`; `instance` may be the whole input, if
        it could not be converted."""
        fields = item.value if isinstance(item.value, dict) else {}
        if self._key:
            return {KEY: fields.get(self._key)}
        if self._tabular:
            return {name: fields.get(name) for name in self.columns}
        instance = instance if item.shown is None else item.shown
        excluded = {name: fields[name] for name in self._excluded if name in fields}
        return {INSTANCE: instance, **excluded}


def json_value(value: Any) -> Any:
    """The JSON value of a cell of BigQuery, or of JSON: numbers, texts, arrays, objects, and times
    as texts. Raises ValueError for NaN and infinities."""
    return _converted(value, _refused)


def shown_value(value: Any) -> Any:
    """As `json_value`, with NaN and infinities as texts: what has them is refused, and shown."""
    return _converted(value, str)


def text_value(value: Any) -> str:
    """A value as one text, for a cell: a text as it is, nothing as nothing, all else as JSON."""
    value = "" if value is None else shown_value(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _converted(value: Any, unusual: Callable[[float], Any]) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            number = float(value)
            return number if math.isfinite(number) else unusual(number)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime() if value.tzinfo is not None:
            return str(value)  # TIMESTAMP
        case date() | time():
            return value.isoformat()
        case Mapping():
            return {name: _converted(inner, unusual) for name, inner in value.items()}
        case list() | tuple():
            return [_converted(inner, unusual) for inner in value]
    return str(value)


def _refused(number: float) -> Any:
    raise ValueError(f"it has {number}, which JSON does not have")
