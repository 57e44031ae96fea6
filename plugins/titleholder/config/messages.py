"""Error messages for a model's YAML file: key, problem and remedy."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_MAX_LENGTH = 80

# By pydantic's error type, as its own messages have no remedy in YAML.
_NUMBER = "write a number"
_WHOLE = "write a whole number"
_SWITCH = "write true or false"
_DATE = "write a date, such as 2026-08-03"
_REMEDIES: Mapping[str, str] = {
    "string_type": "write text, in quotes where YAML reads something else",
    "string_too_short": "write {min_length} or more characters",
    "string_too_long": "write {max_length} characters or fewer",
    "literal_error": "write {expected}",
    "list_type": "write a list, such as [a, b]",
    "dict_type": "write keys with their values below it, or {{}} for none",
    "model_type": "write its keys below it, indented",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "greater_than": "write more than {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write less than {lt}",
    "less_than_equal": "write {le} or less",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}


class FieldError(ValueError):
    """A validator's error whose message has problem and remedy; a plain ValueError has the
    remedy. `key` is the key to mend, if not the validator's own."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


def validation_messages(error: ValidationError, section: type[BaseModel]) -> Iterator[str]:
    """One message for each error in the validation of `section`, in the order of the keys:
    `key: problem; remedy`."""
    for details in error.errors():
        *parents, last = details["loc"] or ("(top)",)
        key = ".".join(str(part) for part in (*parents, last))
        raised = details.get("ctx", {}).get("error")
        if details["type"] == "missing":
            yield f"{key}: is missing; add it"
        elif details["type"] in ("extra_forbidden", "invalid_key"):
            close = get_close_matches(str(last), _fields(section, parents), 1)
            hint = f"did you mean {close[0]}?" if close else "remove it or mend its spelling"
            yield f"{key}: is not a key; {hint}"
        elif isinstance(raised, FieldError):
            yield f"{raised.key or key}: {raised}"
        elif last == "[key]":
            above = ".".join(str(part) for part in parents[:-1])
            yield f"{above}: has the key {truncated_repr(details['input'])}; {_remedy(details)}"
        else:
            found = details["input"]
            problem = "is empty" if found is None else f"is {truncated_repr(found)}"
            yield f"{key}: {problem}; {_remedy(details)}"


def _fields(section: type[BaseModel], path: Iterable[int | str]) -> dict[str, FieldInfo]:
    """The fields by key, as the file has it, of the section below `section` at that path."""
    for part in path:
        # A number is a place in a list, whose items are one section.
        if isinstance(part, str):
            (section,) = _sections(_fields(section, ())[part].annotation)
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections in an annotation such as `Section | None` or `list[Section]`."""
    parts = get_args(annotation)
    if not parts and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in parts:
        yield from _sections(part)


def _remedy(details: Any) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    remedy = _REMEDIES.get(details["type"])
    if remedy is None:
        message: str = details["msg"]
        return message[0].lower() + message[1:]
    return remedy.format(**details.get("ctx", {}))


def truncated_repr(found: Any) -> str:
    """The repr of a value, truncated to 80 characters."""
    text = repr(found)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."
