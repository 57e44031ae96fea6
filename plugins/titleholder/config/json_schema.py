"""The JSON Schema of a model's YAML file, for completion and checks in editors.

It is generated from the sections and the descriptions of their fields. `dags/models/schema.json` is
the committed copy; docs/reference/model-file.md lists the same keys.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from titleholder.config.loader import EXTENDS
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration

_DIALECT = (
    "http://json-schema.org/draft-07/schema#"  # the newest that YAML's language server supports
)


def model_schema() -> dict[str, Any]:
    """The JSON Schema of a model's file."""
    schema = ModelConfig.model_json_schema(schema_generator=_Generator)
    schema = _inlined(schema, schema.pop("$defs"))
    return {
        "$schema": _DIALECT,
        "title": "A model of Titleholder",
        "description": "One file in dags/models is one model; docs/reference/model-file.md lists "
        "the keys.",
        # A file that extends another may leave out the other keys.
        "if": {"required": [EXTENDS]},
        "then": {"required": ["model"]},
        "else": _pop_required(schema),
        **schema,
    }


def keys() -> Iterator[tuple[str, Any, str, str]]:
    """(key such as `source.table`, its schema, its default as in YAML or "required", description)
    of every key, except sections that every model has."""
    schema = model_schema()
    yield from _keys(schema, schema["else"], "")


def _keys(
    section: Mapping[str, Any], required: Mapping[str, Any], above: str
) -> Iterator[tuple[str, Any, str, str]]:
    for name, key in section["properties"].items():
        default = key.get("default", "")
        default = default if isinstance(default, str) else json.dumps(default)
        if name in required.get("required", ()):
            default = "required"
        if "properties" not in key or isinstance(key["type"], list):
            yield f"{above}{name}", key, default, key.get("description", "")
        if "properties" in key:
            yield from _keys(key, required.get("properties", {}).get(name, {}), f"{above}{name}.")


class _Generator(GenerateJsonSchema):
    """With defaults as they are written in YAML, without titles."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """No default for sections, whose keys have their own, and none for empty values."""
        default = schema.get("default")
        inner = self.generate_inner(schema["schema"])
        if default in (None, "", timedelta(0)) or isinstance(default, BaseModel):
            return inner
        written = format_duration(default) if isinstance(default, timedelta) else default
        return {**inner, "default": written}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Keys that do not match the pattern are errors."""
        inner = super().dict_schema(schema)
        for pattern, values in inner.pop("patternProperties", {}).items():
            inner |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
        return inner

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No titles, as they only repeat the key."""
        return False


def _inlined(section: dict[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The section with its inner sections in place of references to them."""
    properties = {}
    for name, key in section["properties"].items():
        found = _resolved(key, sections)
        description = found.get("description")
        if "properties" in found:
            found = _inlined(found, sections)
        properties[name] = found | ({"description": description} if description else {})
    rest = {key: value for key, value in section.items() if key not in ("title", "description")}
    return rest | {"properties": properties}


def _pop_required(section: dict[str, Any]) -> dict[str, Any]:
    """Remove `required` from the section and its inner sections; return it as a schema."""
    inner = {name: key for name, key in section["properties"].items() if "properties" in key}
    found = {name: needed for name, key in inner.items() if (needed := _pop_required(key))}
    required = section.pop("required", None)
    return ({"required": required} if required else {}) | ({"properties": found} if found else {})


def _resolved(key: Any, sections: Mapping[str, Any]) -> Any:
    match key:
        case {"$ref": reference, **rest}:
            return _resolved(sections[reference.rpartition("/")[2]], sections) | rest
        case {"anyOf": [one, {"type": "null"}], **rest}:
            # An empty value is the same as a missing key.
            found = _resolved(one, sections)
            words = {"enum": [*found["enum"], None]} if "enum" in found else {}
            return found | rest | {"type": [found["type"], "null"]} | words
        case dict():
            return {name: _resolved(value, sections) for name, value in key.items()}
        case list():
            return [_resolved(value, sections) for value in key]
        case _:
            return key
