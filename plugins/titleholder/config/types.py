"""Types of the values in a model's YAML file, each with the remedy in its error message."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from titleholder.config.messages import FieldError
from titleholder.errors import EnvironmentConfigError
from titleholder.labels import RESERVED

_PROJECT = r"([a-z0-9-]+(\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_WITHIN_PROJECT = r"[\w]{1,1024}\.[\w-]{1,1024}"
_TABLE = rf"({_PROJECT}\.)?{_WITHIN_PROJECT}"
WRITE_A_TABLE = "write dataset.table or project.dataset.table, as BigQuery names them"


def is_table(name: str) -> bool:
    """Whether it is a table's name, with or without project, that is safe as part of a query."""
    return re.fullmatch(_TABLE, name) is not None


def full_name(table: str, project: str) -> str:
    """`project.dataset.table` of a table that may lack its project, safe as part of a query, which
    takes no table as a parameter.

    Raises EnvironmentConfigError for an invalid name, including the project.
    """
    full = f"{project}.{table}" if re.fullmatch(_WITHIN_PROJECT, table) else table
    if not re.fullmatch(rf"{_PROJECT}\.{_WITHIN_PROJECT}", full):
        raise EnvironmentConfigError(f"{full!r} is no name of a BigQuery table; {WRITE_A_TABLE}")
    return full


_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


@dataclass(frozen=True)
class WithoutKeys:
    """A mapping that must not have these keys, for `reason`."""

    keys: frozenset[str]
    reason: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        mapping = handler(schema)
        names = mapping.get("propertyNames", {}) | {"not": {"enum": sorted(self.keys)}}
        return {**mapping, "propertyNames": names}

    def _checked(self, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(self.keys & value.keys()):
            raise FieldError(f"sets {', '.join(taken)}, {self.reason}")
        return value


@dataclass(frozen=True)
class _Text:
    """A string that matches all of `pattern`; `message` is the remedy. \\w must be in brackets: it
    is replaced for JSON Schema, whose \\w is ASCII only."""

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        pattern = self.pattern.replace(r"\w", "A-Za-z0-9_\x80-\U0010ffff")
        return {**handler(schema), "pattern": f"^(?:{pattern})$"}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.message)
        return value


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and re.fullmatch(r"0+[smhdw]", value):
        raise ValueError("write more than 0")
    match = re.fullmatch(r"([0-9]+)([smhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 90m, 6h or 7d")
    if len(match[1]) > 8 or (span := _UNITS[match[2]] * int(match[1])) > timedelta(days=366):
        raise ValueError("write at most a year")
    return span


def format_duration(span: timedelta) -> str:
    """A duration as it is written in a file, in the largest unit that fits."""
    unit, size = next(pair for pair in reversed(_UNITS.items()) if not span % pair[1])
    return f"{span // size}{unit}"


CRON_PATTERN = r"\s*\S+(\s+\S+){4}\s*"
WRITE_A_CRON = "write five cron fields in UTC, such as '0 3 * * 1' for Mondays at 03:00"


def checked_cron(value: str) -> str:
    """The same text; raises ValueError, with the remedy, unless it is five cron fields."""
    from croniter import CroniterError, croniter

    # R and H are extensions of croniter for random times, which differ at each parse.
    random = re.search(r"(?<![A-Za-z])[RrHh](?![A-Za-z])", value)
    if random or not re.fullmatch(CRON_PATTERN, value):
        raise ValueError(WRITE_A_CRON)
    try:
        croniter(value, datetime(2026, 1, 1, tzinfo=UTC)).get_next()
    except (CroniterError, ValueError, KeyError):
        raise ValueError(WRITE_A_CRON) from None
    return value


def _asset(value: str) -> str:
    # Airflow stores an asset's URI so, but not a reference to it: they would never meet.
    if "://" in value and value.endswith("/"):
        raise ValueError("write the URI without / at its end")
    return value


def _template(value: str) -> str:
    if ".." in value:
        raise ValueError(_TEMPLATE)
    return value


def _date(value: Any) -> Any:
    remedy = "write a date, such as 2026-08-03"
    if isinstance(value, str):
        try:
            value = datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            raise ValueError(remedy) from None
    if isinstance(value, date) and not 2000 <= value.year <= 2100:
        raise ValueError("write a date between 2000 and 2100")
    return value


_TEMPLATE = "write a file in pipeline/compiled, or a gs:// URI, that ends in .yaml"

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]{0,7}[smhdw]$"}),
]
Label = Annotated[
    str, _Text(r"[a-z0-9_-]{1,63}", "write 1 to 63 lowercase letters, digits, _ and -")
]
LabelKey = Annotated[
    str,
    _Text(
        r"[a-z][a-z0-9_-]{0,62}",
        "write 1 to 63 lowercase letters, digits, _ and -, a letter first",
    ),
]
Labels = Annotated[
    dict[LabelKey, Label],
    WithoutKeys(RESERVED, "which titleholder writes itself; choose other keys"),
]
ModelName = Annotated[
    str,
    _Text(
        r"[a-z][a-z0-9-]{0,28}[a-z0-9]",
        "write 2 to 30 lowercase letters, digits and hyphens, a letter first and no hyphen last",
    ),
]
MachineType = Annotated[
    str,
    _Text(r"[a-z0-9]+(-[a-z0-9]+)+", "write a machine type of Google's, such as n1-standard-4"),
]
ProjectId = Annotated[str, _Text(_PROJECT, "write the id of a project, such as my-project-123")]
ConnectionId = Annotated[
    str, _Text(r"[\w.-]{1,200}", "write 1 to 200 letters, digits, _, . and -, as Airflow has them")
]
Email = Annotated[
    str, _Text(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+", "write one address, such as team@example.com")
]
# It becomes part of a filter string, which these characters would end.
DisplayName = Annotated[
    str,
    _Text(
        r"""[^"\\\x00-\x1f\x7f]{1,128}""",
        "write 1 to 128 characters, no quotation mark, backslash or line break among them",
    ),
]
Cron = Annotated[str, _Text(CRON_PATTERN, WRITE_A_CRON), AfterValidator(checked_cron)]
AssetName = Annotated[
    str,
    _Text(
        r"[!-~]([ -~]{0,1498}[!-~])?",
        "write the name or the URI of an asset, 1 to 1500 printable ASCII characters",
    ),
    AfterValidator(_asset),
]
Table = Annotated[
    str,
    _Text(rf"(bq://)?{_TABLE}", WRITE_A_TABLE),
    AfterValidator(lambda name: name.removeprefix("bq://")),
]
Column = Annotated[
    str,
    _Text(r"[A-Za-z_][\w]{0,299}", "write the name of one column, letters, digits and _ only"),
]
DriftColumn = Annotated[
    str,
    _Text(
        r"(prediction\.)?[A-Za-z_][\w]{0,299}",
        "write the name of a column, or prediction.TARGET for the predictions of a target",
    ),
]
Template = Annotated[
    str,
    _Text(r"(gs://[^/]+/)?[\w./-]+\.(yaml|json)", _TEMPLATE),
    AfterValidator(_template),
]
Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


class Section(BaseModel):
    """A section of the file; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
