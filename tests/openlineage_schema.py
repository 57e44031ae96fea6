"""JSON schemas of OpenLineage's events and facets, made from the classes of its Python client.

These are generated from the standard's schemas, which no package has.
"""

import importlib
import pkgutil
import types
import typing
from enum import Enum
from typing import Any, Literal, Union

import attr
import jsonschema
from openlineage.client import generated
from openlineage.client.generated import base

MODULES = [
    importlib.import_module(f"{generated.__name__}.{one.name}")
    for one in pkgutil.iter_modules(generated.__path__)
]
BY_URL = {
    found._get_schema(): found
    for module in MODULES
    for found in vars(module).values()
    if attr.has(found) and hasattr(found, "_get_schema")
}
PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def validate(event: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError for an event, or a facet of it, that is not of the standard;
    for a facet with the URL of an unknown schema, too."""
    jsonschema.validate(event, json_schema(base.RunEvent))
    groups = [event["run"]["facets"], event["job"]["facets"]]
    for dataset in (*event["inputs"], *event["outputs"]):
        kinds = ("facets", "inputFacets", "outputFacets")
        groups += [dataset[kind] for kind in kinds if kind in dataset]
    for facet in (facet for group in groups for facet in group.values()):
        if facet["_schemaURL"] not in BY_URL:
            raise jsonschema.ValidationError(f"no such schema: {facet['_schemaURL']}")
        jsonschema.validate(facet, json_schema(BY_URL[facet["_schemaURL"]]))


def json_schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a class of the client."""
    definitions: dict[str, Any] = {}
    reference = _reference(kind, definitions)
    return {**reference, "$defs": definitions}


def _reference(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # a class may contain itself
        hints = typing.get_type_hints(kind)
        fields = {one.name: one for one in attr.fields(kind)}
        definitions[name] = {
            "type": "object",
            "properties": {one: _of_hint(hints[one], definitions) for one in fields},
            "required": [
                one
                for one, field in fields.items()
                if field.default is attr.NOTHING or one in ("_producer", "_schemaURL")
            ],
            # To a facet in general anything may be added.
            "additionalProperties": kind.__module__ == base.__name__,
        }
    return {"$ref": f"#/$defs/{name}"}


def _of_hint(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of_hint(one, definitions) for one in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _of_hint(inner[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_hint(inner[1], definitions)}
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [one.value for one in hint]}
    return _reference(hint, definitions) if attr.has(hint) else {}
