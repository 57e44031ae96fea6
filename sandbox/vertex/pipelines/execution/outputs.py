"""Where a component's outputs go, and what it says that they are."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec.values import TYPES, Artifact, WrongType, typed

_PARAMETERS = "parameterValues"


class BadOutput(Exception):
    """What the component wrote cannot be taken; one sentence that says why."""


@dataclass(frozen=True)
class Declared:
    """The outputs that a component may write: local files for parameters, URIs for artifacts."""

    folder: Path
    parameters: dict[str, Path]
    artifacts: dict[str, Artifact]

    @property
    def file(self) -> Path:
        """Where kfp's executor writes all that it has to say."""
        return self.folder / "executor_output.json"

    def clear(self) -> None:
        """Forget what was written so far."""
        for path in (self.file, *self.parameters.values()):
            path.unlink(missing_ok=True)

    def as_executor_sees_them(self) -> dict[str, Any]:
        """ExecutorInput.Outputs of pipeline_spec.proto, as JSON."""
        return {
            "parameters": {k: {"outputFile": str(path)} for k, path in self.parameters.items()},
            "artifacts": {
                k: {"artifacts": [one.as_executor_sees_it()]} for k, one in self.artifacts.items()
            },
            "outputFile": str(self.file),
        }


def new_artifact(key: str, uri: str, schema: ir.ArtifactTypeSchema, job: Job) -> Artifact:
    """An artifact that nobody made yet, under a resource name of its own."""
    store = f"projects/{job.project}/locations/{job.location}/metadataStores/default"
    name = f"{store}/artifacts/{random.getrandbits(63)}"
    return Artifact(key, name, uri, json_format.MessageToDict(schema))


def declared(component: ir.ComponentSpec, root: str, folder: Path, job: Job) -> Declared:
    """The outputs of a component whose task has `root` in Cloud Storage, and there `folder`."""
    definitions = component.output_definitions
    return Declared(
        folder,
        {name: folder / name for name in definitions.parameters},
        {
            name: new_artifact(name, f"{root}/{name}", definition.artifact_type, job)
            for name, definition in definitions.artifacts.items()
        },
    )


def read_outputs(component: ir.ComponentSpec, outputs: Declared) -> dict[str, Any]:
    """The values of the outputs after the component ran well. Raises BadOutput.

    A component may have set an artifact's `uri`, to hand on another artifact: that URI stands.
    """
    said: dict[str, Any] = {}
    if outputs.file.exists():
        said = _json(outputs.file.read_text(encoding="utf-8"), "its outputs")
    found: dict[str, Any] = {}
    for name, definition in component.output_definitions.parameters.items():
        kind = definition.parameter_type
        if outputs.parameters[name].is_file():  # a dsl.OutputPath
            text = outputs.parameters[name].read_text(encoding="utf-8")
            if kind == TYPES.BOOLEAN:
                text = text.lower()
            value = text if kind == TYPES.STRING else _json(text, f"output {name!r}")
        elif name in said.get(_PARAMETERS, {}):
            value = said[_PARAMETERS][name]
        else:
            continue
        try:
            found[name] = typed(value, kind)
        except WrongType as error:
            raise BadOutput(f"output {name!r} {error}") from None
        _check_storable({name: value}, name)
    for name, artifact in outputs.artifacts.items():
        for one in said.get("artifacts", {}).get(name, {}).get("artifacts", [])[:1]:
            artifact = artifact.with_result(one.get("uri", ""), one.get("metadata") or {})
        _check_storable(artifact.metadata, name)
        found[name] = artifact
    return found


def _check_storable(content: Any, name: str) -> None:
    # Vertex keeps these in a Struct, which knows no huge numbers and no broken Unicode.
    try:
        json_format.ParseDict(content, struct_pb2.Struct()).SerializeToString()
    except (json_format.ParseError, ValueError, OverflowError, TypeError) as error:
        raise BadOutput(f"output {name!r} cannot be stored: {error}") from None


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise BadOutput(f"{what} cannot be taken: {error}") from None


def _refuse(constant: str) -> NoReturn:
    # Python writes NaN and Infinity into JSON; JSON has neither, and Vertex cannot store them.
    raise ValueError(f"{constant} is not a number that JSON knows")
