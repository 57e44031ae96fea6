"""An event as a row of the events table, and back. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from titleholder.errors import EnvironmentConfigError
from titleholder.events.event import Event


@dataclass(frozen=True)
class Column:
    """A column: its type in BigQuery, whether every row has it, and what it says."""

    name: str
    type: str
    description: str
    required: bool = False
    json: bool = False


def _json(name: str, description: str) -> Column:
    # Text rather than JSON's own type: PARSE_JSON reads it, and every client gives it as written.
    return Column(name, "STRING", f"{description} (JSON)", json=True)


COLUMNS = (
    Column("id", "STRING", "Identity of the event, the same however often it is written", True),
    Column("time", "TIMESTAMP", "When it happened", True),
    Column("model", "STRING", "The model whose endpoint it is", True),
    Column("action", "STRING", "What happened, in one word: seat, promote, refused, ...", True),
    Column("reason", "STRING", "Why, in one sentence"),
    Column("endpoint", "STRING", "Resource name of the endpoint"),
    Column("champion_before", "STRING", "Deployed model id of the champion until then"),
    Column("challenger_before", "STRING", "Deployed model id of the challenger until then"),
    _json("split_before", "Deployed model id to per cent of the requests, until then"),
    Column("champion_after", "STRING", "Deployed model id of the champion from then on"),
    Column("challenger_after", "STRING", "Deployed model id of the challenger from then on"),
    _json("split_after", "Deployed model id to per cent of the requests, from then on"),
    _json("versions", "Deployed model id to registered version, such as linnerud@3"),
    _json(
        "data_interval_end",
        "Deployed model id to the end of its training data, where that is known",
    ),
    Column("interval_start", "TIMESTAMP", "Start of the data interval that it is about"),
    Column("interval_end", "TIMESTAMP", "End of the data interval, exclusive"),
    _json("evidence", "What the decision rests on"),
    Column("run", "STRING", "The dag run that did it"),
    Column("actor", "STRING", "Who did it: airflow, or a person"),
    Column("reconstructed", "BOOL", "Read later from the endpoint's labels, as its actor died"),
)


def to_row(event: Event) -> dict[str, Any]:
    """A value for each of COLUMNS: text, a datetime, a bool or None."""
    row = {column.name: getattr(event, column.name) for column in COLUMNS}
    for column in COLUMNS:
        if column.json and row[column.name] is not None:
            row[column.name] = json.dumps(row[column.name], ensure_ascii=False, sort_keys=True)
    return row


def from_row(row: Mapping[str, Any]) -> Event:
    """The event of a row that may lack columns or, written by hand, values.

    Raises EnvironmentConfigError for a row that is no event.
    """
    values = {}
    try:
        for column in COLUMNS:
            value = row.get(column.name)
            # What is NULL has the value that an event has when nothing is said.
            if value is not None:
                values[column.name] = json.loads(value) if column.json else value
        return Event(**{"reason": "", **values})
    except (ValueError, TypeError) as error:
        raise EnvironmentConfigError(
            f"the row {row.get('id')!r} of the events table is no event ({error}); mend or "
            "delete that row"
        ) from None
