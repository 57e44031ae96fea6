"""Conversion of events to rows of the events table and back. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from titleholder.errors import EnvironmentConfigError
from titleholder.events.event import Event


@dataclass(frozen=True)
class Column:
    """A column of the events table: its type in BigQuery, and whether every row has a value."""

    name: str
    type: str
    description: str
    required: bool = False
    json: bool = False


def _json(name: str, description: str) -> Column:
    # STRING, not BigQuery's JSON type: PARSE_JSON reads it, and clients return it unchanged.
    return Column(name, "STRING", f"{description} (JSON)", json=True)


COLUMNS = (
    Column("id", "STRING", "Identity of the event, the same when it is written again", True),
    Column("time", "TIMESTAMP", "Time of the event", True),
    Column("model", "STRING", "Model of the endpoint", True),
    Column("action", "STRING", "Action, such as deploy_challenger, promote or blocked", True),
    Column("reason", "STRING", "Reason, in one sentence"),
    Column("endpoint", "STRING", "Resource name of the endpoint"),
    Column("champion_before", "STRING", "Deployed model id of the champion before"),
    Column("challenger_before", "STRING", "Deployed model id of the challenger before"),
    _json("split_before", "Deployed model id to per cent of the traffic before"),
    Column("champion_after", "STRING", "Deployed model id of the champion after"),
    Column("challenger_after", "STRING", "Deployed model id of the challenger after"),
    _json("split_after", "Deployed model id to per cent of the traffic after"),
    _json("versions", "Deployed model id to registered version, such as linnerud@3"),
    _json(
        "data_interval_end",
        "Deployed model id to the end of its training data, if known",
    ),
    Column("interval_start", "TIMESTAMP", "Start of the data interval"),
    Column("interval_end", "TIMESTAMP", "End of the data interval, exclusive"),
    _json("evidence", "Evidence of the decision"),
    Column("run", "STRING", "Dag run of the event"),
    Column("actor", "STRING", "airflow, or the user"),
    Column(
        "reconstructed", "BOOL", "Read later from the endpoint's labels, as it was not recorded"
    ),
)


def to_row(event: Event) -> dict[str, Any]:
    """A value for each of COLUMNS: str, datetime, bool or None."""
    row = {column.name: getattr(event, column.name) for column in COLUMNS}
    for column in COLUMNS:
        if column.json and row[column.name] is not None:
            row[column.name] = json.dumps(row[column.name], ensure_ascii=False, sort_keys=True)
    return row


def from_row(row: Mapping[str, Any]) -> Event:
    """The event of a row, in which columns and values may be missing.

    Raises EnvironmentConfigError for a row that is no event.
    """
    values = {}
    try:
        for column in COLUMNS:
            value = row.get(column.name)
            # NULL stands for the default of the event's field.
            if value is not None:
                values[column.name] = json.loads(value) if column.json else value
        return Event(**{"reason": "", **values})
    except (ValueError, TypeError) as error:
        raise EnvironmentConfigError(
            f"the row {row.get('id')!r} of the events table is no event ({error}); correct "
            "or delete that row"
        ) from None
