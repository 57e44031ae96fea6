"""The kinds of values that a model's YAML file has: each says what to write in its own words."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from titleholder.given import GIVEN
from titleholder.sentences import Fault

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and re.fullmatch(r"0+[smhdw]", value):
        raise ValueError("write more than 0")
    match = re.fullmatch(r"(\d+)([smhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 90m, 6h or 7d")
    if len(match[1]) > 8 or (span := _UNITS[match[2]] * int(match[1])) > timedelta(days=366):
        raise ValueError("write at most a year")
    return span


def _written(span: timedelta) -> str:
    """The shortest way to write it, which is read back as the same span."""
    unit, size = next(
        (unit, size) for unit, size in reversed(_UNITS.items()) if not span % size
    )
    return f"{span // size}{unit}"


def _cron(value: str) -> str:
    from croniter import CroniterError, croniter

    told = "write five cron fields in UTC, such as '0 3 * * 1' for Mondays at 03:00"
    # R and H are croniter's own: a time drawn at random, another one at every look.
    if len(value.split()) != 5 or re.search(r"(?<![A-Za-z])[RrHh](?![A-Za-z])", value):
        raise ValueError(told)
    try:
        croniter(value, datetime(2026, 1, 1, tzinfo=UTC)).get_next()
    except (CroniterError, ValueError, KeyError):
        raise ValueError(told) from None
    return value


def _table(value: str) -> str:
    name = value.removeprefix("bq://")
    if not re.fullmatch(r"([a-z][a-z0-9-]{4,28}[a-z0-9]\.)?\w{1,1024}\.[\w-]{1,1024}", name):
        raise ValueError("write dataset.table or project.dataset.table, as BigQuery names them")
    return name


def _column(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w{0,299}", value):
        raise ValueError("write the name of one column, letters, digits and _ only")
    return value


def _template(value: str) -> str:
    if not re.fullmatch(r"(gs://[^/]+/)?[\w./-]+\.(yaml|json)", value) or ".." in value:
        raise ValueError("write a file in pipeline/compiled, or a gs:// URI, that ends in .yaml")
    return value


def _parameters(value: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(GIVEN & value.keys()):
        raise Fault(f"sets {', '.join(taken)}, which every run gets by itself; remove it")
    for name, parameter in value.items():
        try:
            json.dumps(parameter, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise Fault(
                f"has a {name} that is not JSON; write {name} as a string, number, list or "
                "mapping, and quote a date"
            ) from None
    return value


def _date(value: date) -> date:
    if not 2000 <= value.year <= 2100:
        raise ValueError("write a date between 2000 and 2100")
    return value


def _text(pattern: str, told: str) -> AfterValidator:
    """Text of that pattern; `told` says what to write where it is none."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(told)
        return value

    return AfterValidator(check)


Duration = Annotated[
    timedelta, BeforeValidator(_duration), PlainSerializer(_written, when_used="json")
]
Label = Annotated[
    str, _text(r"[a-z0-9_-]{1,63}", "write 1 to 63 lowercase letters, digits, _ and -")
]
LabelKey = Annotated[
    str,
    _text(
        r"[a-z][a-z0-9_-]{0,62}",
        "write 1 to 63 lowercase letters, digits, _ and -, a letter first",
    ),
]
ModelName = Annotated[
    str,
    _text(
        r"[a-z][a-z0-9-]{0,28}[a-z0-9]",
        "write 2 to 30 lowercase letters, digits and hyphens, a letter first and no hyphen last",
    ),
]
MachineType = Annotated[
    str,
    _text(r"[a-z0-9]+(-[a-z0-9]+)+", "write a machine type of Google's, such as n1-standard-4"),
]
Cron = Annotated[str, AfterValidator(_cron)]
Table = Annotated[str, AfterValidator(_table)]
Column = Annotated[str, AfterValidator(_column)]
Template = Annotated[str, AfterValidator(_template)]
Parameters = Annotated[dict[str, Any], AfterValidator(_parameters)]
Date = Annotated[date, AfterValidator(_date)]


class Section(BaseModel):
    """A section of the file: no other keys than its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
