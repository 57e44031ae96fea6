"""What is wrong with a model's YAML file, a sentence a fault: key, what is wrong, what to write."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

_LONGEST = 80

# By the type of pydantic's error, since its own words name neither YAML nor a remedy.
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
    """Raised by a validator whose text says what is wrong, too, not just what to write."""


def validation_messages(error: ValidationError) -> Iterator[str]:
    """One for each fault, in the order of the keys: `key: what is wrong; what to write`."""
    for fault in error.errors():
        *parents, last = fault["loc"] or ("(top)",)
        key = ".".join(str(part) for part in (*parents, last))
        raised = fault.get("ctx", {}).get("error")
        if fault["type"] == "missing":
            yield f"{key}: is missing; add it"
        elif fault["type"] in ("extra_forbidden", "invalid_key"):
            yield f"{key}: is not a key; remove it or mend its spelling"
        elif isinstance(raised, FieldError):
            yield f"{key}: {raised}"
        elif last == "[key]":
            above = ".".join(str(part) for part in parents[:-1])
            yield f"{above}: has the key {truncated_repr(fault['input'])}; {_remedy(fault)}"
        else:
            found = fault["input"]
            what = "is empty" if found is None else f"is {truncated_repr(found)}"
            yield f"{key}: {what}; {_remedy(fault)}"


def _remedy(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    told = _REMEDIES.get(fault["type"])
    if told is None:
        message: str = fault["msg"]
        return message[0].lower() + message[1:]
    return told.format(**fault.get("ctx", {}))


def truncated_repr(found: Any) -> str:
    """A value as a sentence names it, cut where it is long."""
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
