"""The JSON Schema of a model's YAML file, with which editors complete and check it.

It is made from the classes of config.py; what a key means is taken from the table in
docs/models.md, where it is written once. `dags/models/schema.json` is the committed copy.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from titleholder.config.layers import EXTENDS
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration

_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest that YAML's language server has


def schema_of(meanings: Mapping[str, str]) -> dict[str, Any]:
    """The schema; `meanings` says of each key, such as `source.table`, what it is for."""
    made = ModelConfig.model_json_schema(schema_generator=_Generator)
    sections = made.pop("$defs")
    whole = _with_meanings(made, sections, meanings, "")
    return {
        "$schema": _DIALECT,
        "title": "A model of Titleholder",
        "description": "One file in dags/models is one model; docs/models.md explains each key.",
        # What it is based on may have the other keys.
        "if": {"required": [EXTENDS]},
        "then": {"required": ["model"]},
        "else": _demands(whole),
        **whole,
    }


def meanings_in(page: str) -> dict[str, str]:
    """The third column of the page's table of keys, by its first, as plain text."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|[^|]*\| (.+) \|$", page, re.MULTILINE)
    return {key: re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", said) for key, said in rows}


class _Generator(GenerateJsonSchema):
    """With defaults as one writes them, and without what no editor needs."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """The default of a section is that of its keys; one of None or nothing says nothing."""
        default = schema.get("default")
        made = self.generate_inner(schema["schema"])
        if default in (None, "", timedelta(0)) or isinstance(default, BaseModel):
            return made
        return {
            **made,
            "default": format_duration(default) if isinstance(default, timedelta) else default,
        }

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """What a key is not like is no key, rather than one of which nothing is asked."""
        made = super().dict_schema(schema)
        for pattern, values in made.pop("patternProperties", {}).items():
            made |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        """The key is its own title."""
        return False


def _with_meanings(
    section: dict[str, Any], sections: Mapping[str, Any], meanings: Mapping[str, str], above: str
) -> dict[str, Any]:
    """The section with its own sections in place of references to them."""
    properties = {}
    for name, key in section["properties"].items():
        path = f"{above}{name}"
        found = _resolved(key, sections)
        if "properties" in found:
            found = _with_meanings(found, sections, meanings, f"{path}.")
        said = meanings.get(path)
        properties[name] = found | ({"description": said} if said else {})
    plain = {key: value for key, value in section.items() if key not in ("title", "description")}
    return plain | {"properties": properties}


def _demands(section: dict[str, Any]) -> dict[str, Any]:
    """Takes out of the section, and the sections in it, which keys are required."""
    inner = {name: key for name, key in section["properties"].items() if "properties" in key}
    found = {name: demands for name, key in inner.items() if (demands := _demands(key))}
    required = section.pop("required", None)
    return ({"required": required} if required else {}) | ({"properties": found} if found else {})


def _resolved(key: Any, sections: Mapping[str, Any]) -> Any:
    match key:
        case {"$ref": reference, **rest}:
            return _resolved(sections[reference.rpartition("/")[2]], sections) | rest
        case {"anyOf": [one, {"type": "null"}], **rest}:
            # Left empty, it is as if it were left out.
            found = _resolved(one, sections)
            return found | rest | {"type": [found["type"], "null"]}
        case dict():
            return {name: _resolved(value, sections) for name, value in key.items()}
        case list():
            return [_resolved(value, sections) for value in key]
        case _:
            return key
