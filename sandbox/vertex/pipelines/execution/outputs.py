"""The outputs of a component: where it writes them, and how they are read."""

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
    """An output of the component is invalid; the message is one sentence."""


@dataclass(frozen=True)
class Declared:
    """The declared outputs: local files for parameters, URIs for artifacts."""

    folder: Path
    parameters: dict[str, Path]
    artifacts: dict[str, Artifact]

    @property
    def file(self) -> Path:
        """The file that kfp's executor writes."""
        return self.folder / "executor_output.json"

    def clear(self) -> None:
        """Delete the files of an earlier attempt."""
        for path in (self.file, *self.parameters.values()):
            path.unlink(missing_ok=True)

    def to_executor_json(self) -> dict[str, Any]:
        """ExecutorInput.Outputs of pipeline_spec.proto, as JSON."""
        return {
            "parameters": {k: {"outputFile": str(path)} for k, path in self.parameters.items()},
            "artifacts": {
                k: {"artifacts": [artifact.to_executor_json()]}
                for k, artifact in self.artifacts.items()
            },
            "outputFile": str(self.file),
        }


def new_artifact(key: str, uri: str, schema: ir.ArtifactTypeSchema, job: Job) -> Artifact:
    """A new artifact with a generated resource name."""
    store = f"projects/{job.project}/locations/{job.location}/metadataStores/default"
    name = f"{store}/artifacts/{random.getrandbits(63)}"
    return Artifact(key, name, uri, json_format.MessageToDict(schema))


def declared(component: ir.ComponentSpec, root: str, folder: Path, job: Job) -> Declared:
    """The outputs of a component whose task has the URI `root`, which is mounted at `folder`."""
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
    """The output values of a component that succeeded. Raises BadOutput.

    If the component has set the `uri` of an artifact, to pass on another one, that URI is kept.
    """
    written: dict[str, Any] = {}
    if outputs.file.exists():
        written = _json(outputs.file.read_text(encoding="utf-8"), "its outputs")
    found: dict[str, Any] = {}
    for name, definition in component.output_definitions.parameters.items():
        kind = definition.parameter_type
        if outputs.parameters[name].is_file():  # a dsl.OutputPath
            text = outputs.parameters[name].read_text(encoding="utf-8")
            if kind == TYPES.BOOLEAN:
                text = text.lower()
            value = text if kind == TYPES.STRING else _json(text, f"output {name!r}")
        elif name in written.get(_PARAMETERS, {}):
            value = written[_PARAMETERS][name]
        else:
            continue
        try:
            found[name] = typed(value, kind)
        except WrongType as error:
            raise BadOutput(f"output {name!r} {error}") from None
        _check_storable({name: value}, name)
    for name, artifact in outputs.artifacts.items():
        for result in written.get("artifacts", {}).get(name, {}).get("artifacts", [])[:1]:
            artifact = artifact.with_result(result.get("uri", ""), result.get("metadata") or {})
        _check_storable(artifact.metadata, name)
        found[name] = artifact
    return found


def _check_storable(content: Any, name: str) -> None:
    # Vertex AI stores these in a Struct, which has no huge numbers and no invalid Unicode.
    try:
        json_format.ParseDict(content, struct_pb2.Struct()).SerializeToString()
    except (json_format.ParseError, ValueError, OverflowError, TypeError) as error:
        raise BadOutput(f"output {name!r} cannot be stored: {error}") from None


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadOutput(f"{what} cannot be parsed: {error}") from None


def _refuse_constant(constant: str) -> NoReturn:
    # Python writes NaN and Infinity, which JSON does not have and Vertex AI cannot store.
    raise ValueError(f"{constant} is not a number in JSON")
