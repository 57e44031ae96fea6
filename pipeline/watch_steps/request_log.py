"""The predictions in Vertex AI's request-response log of an endpoint.

Its columns: https://cloud.google.com/vertex-ai/docs/predictions/online-prediction-logging
"""

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.duel_steps.rows import window_batches


def check_log_columns(schema: Any, table: str) -> None:
    """Raise ValueError unless the table, with this Arrow schema, is a request-response log."""
    from pyarrow import types

    kinds = {
        "endpoint": types.is_string,
        "deployed_model_id": types.is_string,
        "logging_time": types.is_timestamp,
        "response_payload": lambda kind: types.is_list(kind) and types.is_string(kind.value_type),
    }
    for name, fits in kinds.items():
        if name not in schema.names or not fits(schema.field(name).type):
            raise ValueError(
                f"Table {table} has no column {name} as Vertex AI's request-response log does: "
                "correct request_log."
            )


def log_batches(
    client: Any,
    project: str,
    table: str,
    model: tuple[str, str],
    start: str,
    end: str,
    batch_size: int,
) -> Iterator[Any]:
    """Record batches of the rows of [start, end) with `logging_time` and `response_payload`.

    `model` is the id of the endpoint and that of the deployed model: another endpoint may log to
    the same table, and have a deployed model with the same id. Both are letters, digits, - and _
    only, since they become part of a query. A log has the endpoint's id or its resource name.
    """
    import pyarrow.compute as pc

    endpoint, deployed = model
    columns = ["logging_time", "endpoint", "response_payload"]
    condition = f"deployed_model_id = '{deployed}'"
    for batch in window_batches(client, project, table, columns, start, end, batch_size, condition):
        name = batch["endpoint"]
        same = pc.or_(pc.equal(name, endpoint), pc.ends_with(name, f"/{endpoint}"))
        yield batch.filter(same).select(["logging_time", "response_payload"])


def predictions_of(text: str | None, width: int) -> list[list[Any]]:
    """The predictions of one element of `response_payload`, each a list of `width` values.

    The element is JSON: one prediction, a list of predictions, or an object with such a list in
    `predictions`. A prediction of one target may stand outside of a list. Raises ValueError for
    anything else.
    """
    import json

    try:
        found = json.loads(text or "")
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if isinstance(found, dict):
        found = found.get("predictions")
        if not isinstance(found, list):
            raise ValueError("an object without a list predictions")
    elif not isinstance(found, list) or (
        len(found) == width and not any(isinstance(value, list) for value in found)
    ):
        found = [found]
    rows = [value if isinstance(value, list) else [value] for value in found]
    if any(len(row) != width or any(isinstance(v, list | dict) for v in row) for row in rows):
        raise ValueError(f"a prediction is no list of {width} values")
    return rows


def prediction_batches(batches: Iterable[Any], width: int, unreadable: list[int]) -> Iterator[Any]:
    """Record batches with the time of each prediction and, for target n of `width`, its value in
    the column `number n` or `text n`; the other one is null, as both are for a missing value.

    `unreadable` gets the number of elements of each batch that are no prediction. A text has at
    most 100 characters.
    """
    import math

    import pyarrow as pa

    def number(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # an integer beyond all floats
            return None

    def text(value: Any) -> str | None:
        if isinstance(value, bool):
            return str(value).lower()
        return value[:100] if isinstance(value, str) else None

    for batch in batches:
        times, rows, failed = [], [], 0
        instants = batch["logging_time"].cast(pa.int64()).to_pylist()
        for time, elements in zip(instants, batch["response_payload"], strict=True):
            for element in elements.as_py() or []:
                try:
                    found = predictions_of(element, width)
                except ValueError:
                    failed += 1
                    continue
                rows += found
                times += [time] * len(found)
        unreadable.append(failed)
        columns = {"time": pa.array(times, batch["logging_time"].type)}
        for target in range(width):
            values = [row[target] for row in rows]
            columns[f"number {target}"] = pa.array(map(number, values), pa.float64())
            columns[f"text {target}"] = pa.array(map(text, values), pa.string())
        yield pa.record_batch(list(columns.values()), names=list(columns))
