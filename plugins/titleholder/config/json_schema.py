"""The JSON Schema of a model's YAML file, with which editors complete and check it.

It is generated from the classes of this package and the descriptions of their fields.
`dags/models/schema.json` is the committed copy, docs/reference/model-file.md the same for people.
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

_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest that YAML's language server has


def model_schema() -> dict[str, Any]:
    """The JSON Schema of a model's file."""
    made = ModelConfig.model_json_schema(schema_generator=_Generator)
    sections = made.pop("$defs")
    whole = _inlined(made, sections)
    return {
        "$schema": _DIALECT,
        "title": "A model of Titleholder",
        "description": "One file in dags/models is one model; its keys are listed in "
        "docs/reference/model-file.md.",
        # The file that it extends may have the other keys.
        "if": {"required": [EXTENDS]},
        "then": {"required": ["model"]},
        "else": _demands(whole),
        **whole,
    }


def keys() -> Iterator[tuple[str, Any, str, str]]:
    """(key such as `source.table`, its schema, its default as written, description) of every key
    that is no section."""
    schema = model_schema()
    yield from _keys(schema, schema["else"], "")


def _keys(
    section: Mapping[str, Any], demands: Mapping[str, Any], above: str
) -> Iterator[tuple[str, Any, str, str]]:
    for name, key in section["properties"].items():
        if "properties" in key:
            yield from _keys(key, demands.get("properties", {}).get(name, {}), f"{above}{name}.")
            continue
        required = name in demands.get("required", ())
        default = "required" if required else json.dumps(key["default"]) if "default" in key else ""
        yield f"{above}{name}", key, default, key.get("description", "")


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


def _inlined(section: dict[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The section with its own sections in place of references to them."""
    properties = {}
    for name, key in section["properties"].items():
        found = _resolved(key, sections)
        description = found.get("description")
        if "properties" in found:
            found = _inlined(found, sections)
        properties[name] = found | ({"description": description} if description else {})
    rest = {key: value for key, value in section.items() if key not in ("title", "description")}
    return rest | {"properties": properties}


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
