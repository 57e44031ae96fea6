"""Values of inputs and outputs: JSON values for parameters, and artifacts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

TYPES = ir.ParameterType.ParameterTypeEnum


@dataclass(frozen=True)
class Artifact:
    """An artifact; `name` is its resource name, `key` the name of the output."""

    key: str
    name: str
    uri: str
    type: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_executor_json(self) -> dict[str, Any]:
        """A RuntimeArtifact of pipeline_spec.proto, as JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "uri": self.uri,
            "metadata": self.metadata,
        }

    def with_result(self, uri: str, metadata: dict[str, Any]) -> "Artifact":
        """The artifact with the URI, if any, and metadata that its component set."""
        return replace(self, uri=uri or self.uri, metadata=metadata)


class ArtifactList(list[Artifact]):
    """A list of artifacts, such as dsl.Collected produces, as one value; it may be empty."""


def flat(values: Iterable[Artifact | ArtifactList]) -> ArtifactList:
    """The artifacts of nested loops as one list: an input of ExecutorInput has no nested ones."""
    found = ArtifactList()
    for value in values:
        found += value if isinstance(value, ArtifactList) else [value]
    return found


def plain(value: struct_pb2.Value) -> Any:
    """A protobuf Value as a JSON value, with integers restored at any depth."""
    return restore_integers(json_format.MessageToDict(value))


def restore_integers(value: Any) -> Any:
    """Convert 3.0 to 3, at any depth: a Struct has only doubles (struct.proto)."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [restore_integers(item) for item in value]
        case dict():
            return {key: restore_integers(item) for key, item in value.items()}
        case _:
            return value


class WrongType(ValueError):
    """The value does not have the type of the parameter; the message names both."""


def typed(value: Any, kind: int) -> Any:
    """The value in the type of a parameter. Raises WrongType."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case TYPES.NUMBER_INTEGER if number and math.isfinite(value) and value == int(value):
            return int(value)
        case TYPES.NUMBER_DOUBLE if number:
            return float(value)
        case TYPES.STRING if isinstance(value, str):
            return value
        case TYPES.BOOLEAN if isinstance(value, bool):
            return value
        case TYPES.LIST if isinstance(value, list):
            return restore_integers(value)
        case TYPES.STRUCT | TYPES.TASK_FINAL_STATUS if isinstance(value, dict):
            return restore_integers(value)
    raise WrongType(f"needs {TYPES.Name(kind)} and got {value!r}")


def artifacts_of(values: Mapping[str, Any]) -> dict[str, list[Artifact]]:
    """The artifacts among the values."""
    found: dict[str, list[Artifact]] = {}
    for name, value in values.items():
        if isinstance(value, ArtifactList):
            found[name] = list(value)
        elif isinstance(value, Artifact):
            found[name] = [value]
    return found


def parameters_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters among the values."""
    artifacts = artifacts_of(values)
    return {name: value for name, value in values.items() if name not in artifacts}
