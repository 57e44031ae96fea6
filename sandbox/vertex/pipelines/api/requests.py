"""Rules of CreatePipelineJob requests. No I/O.

Source: google/cloud/aiplatform/v1/pipeline_job.proto and pipeline_service.proto.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from google.cloud.aiplatform_v1.types import PipelineJob
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.containers.catalog import Catalog
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.field_checks import check_folder
from sandbox.vertex.pipelines.spec.messages import Spec, SpecError
from sandbox.vertex.pipelines.spec.unsupported import check
from sandbox.vertex.pipelines.spec.values import Artifact, WrongType, plain, typed

_ID = re.compile(r"[a-z][a-z0-9-]{0,126}")


# Google documents no limit; this is the limit of a workflow of KFP on Kubernetes.
_LARGEST_SPEC = 1_048_576
_ARTIFACT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def check_id(job_id: str) -> None:
    """Raise InvalidArgument unless the id has up to 127 of [a-z0-9-], the first a letter."""
    if not _ID.fullmatch(job_id):
        raise InvalidArgument(
            f"pipelineJobId {job_id!r} must be less than 128 characters of [a-z0-9-] and start "
            "with a letter."
        )


def new_id(spec: Spec, now: datetime) -> str:
    """A generated job id; Google does not document the form of its ids."""
    return f"{_name(spec)[:100]}-{now:%Y%m%d%H%M%S}"


def run_id(spec: Spec, schedule_name: str, time: datetime) -> str:
    """The id of the job that a schedule starts at `time`, always the same."""
    return f"{_name(spec)[:90]}-{schedule_name.rpartition('/')[2]}-{time:%Y%m%d%H%M%S}"


def _name(spec: Spec) -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", spec.pipeline.pipeline_info.name.lower()).strip("-")
    return name if name[:1].isalpha() else f"pipeline-{name}".rstrip("-")


def check_job(job: PipelineJob) -> None:
    """Raise InvalidArgument for errors outside the spec: name, labels, root, deprecated fields."""
    if len(job.display_name) > 128:
        raise InvalidArgument("displayName is longer than 128 characters.")
    for key, value in job.labels.items():
        for what, text in (("key", key), ("value", value)):
            if len(text) > 64 or not all(map(_label_character, text)) or not key:
                raise InvalidArgument(
                    f"label {what} {text!r} must be up to 64 lowercase letters, digits, "
                    "underscores and dashes."
                )
    config = job.runtime_config
    if not config.gcs_output_directory:
        raise InvalidArgument("runtimeConfig.gcsOutputDirectory is required.")
    check_folder(config.gcs_output_directory, "runtimeConfig.gcsOutputDirectory")
    if config.parameters:
        raise InvalidArgument(
            "runtimeConfig.parameters is deprecated, and the sandbox does not have it: "
            "use parameterValues."
        )


def content_of(job: PipelineJob) -> dict[str, Any]:
    """The spec of a job as plain JSON. Raises InvalidArgument if it is missing."""
    message = PipelineJob.pb(job).pipeline_spec
    content: dict[str, Any] = json_format.MessageToDict(message)
    if not content and job.template_uri:
        raise InvalidArgument(
            f"templateUri {job.template_uri!r}: the sandbox has no template registry; "
            "send the compiled pipeline as pipelineSpec."
        )
    if message.ByteSize() > _LARGEST_SPEC:
        raise InvalidArgument(
            f"pipelineSpec has {message.ByteSize()} bytes, and {_LARGEST_SPEC} are allowed: make "
            "its components smaller, or move their common code to a package."
        )
    if not content:
        raise InvalidArgument("pipelineSpec is required.")
    return content


def parse_spec(content: dict[str, Any], catalog: Catalog) -> Spec:
    """The parsed and checked spec. Raises InvalidArgument with the reason."""
    try:
        spec = Spec(content)
        check(spec, catalog)
    except SpecError as error:
        raise InvalidArgument(f"{error}.") from None
    return spec


def runtime_parameters(spec: Spec, job: PipelineJob) -> dict[str, Any]:
    """The parameters of a job in the types of the spec, without defaults.

    The request has them in a Struct, where numbers are doubles. Raises InvalidArgument for unknown
    names, missing required parameters, and values of another type.
    """
    definitions: Mapping[str, ir.ComponentInputsSpec.ParameterSpec] = (
        spec.root.input_definitions.parameters
    )
    values = {
        name: plain(value)
        for name, value in PipelineJob.pb(job).runtime_config.parameter_values.items()
    }
    _check_names("runtimeConfig.parameterValues", "parameter", values, definitions)
    found: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        if value is None:
            continue
        try:
            found[name] = typed(value, definitions[name].parameter_type)
        except WrongType as error:
            raise InvalidArgument(
                f"runtimeConfig.parameterValues: parameter {name!r} {error}."
            ) from None
        choices = [plain(literal) for literal in definitions[name].literals]
        if choices and found[name] not in choices:
            raise InvalidArgument(
                f"runtimeConfig.parameterValues: parameter {name!r} must be one of {choices}."
            )
    for name, definition in definitions.items():
        optional = definition.is_optional or definition.HasField("default_value")
        if name not in found and not optional:
            raise InvalidArgument(f"runtimeConfig.parameterValues: parameter {name!r} is required.")
    return found


def input_artifacts(
    spec: Spec, job: PipelineJob, find: Callable[[str], Artifact | None]
) -> dict[str, Artifact]:
    """The input artifacts of a job; `find` returns an artifact of the job's location by id.

    Raises InvalidArgument for unknown names, missing required artifacts, and artifacts of another
    type; NotFound for an artifact that no job of this sandbox has created.
    """
    field = "runtimeConfig.inputArtifacts"
    definitions = spec.root.input_definitions.artifacts
    _check_names(field, "input artifact", job.runtime_config.input_artifacts, definitions)
    found: dict[str, Artifact] = {}
    for name, reference in sorted(job.runtime_config.input_artifacts.items()):
        if not _ARTIFACT_ID.fullmatch(reference.artifact_id):
            raise InvalidArgument(
                f"{field}: {name!r} has the artifactId {reference.artifact_id!r}; it must be the "
                "last part of an artifact's resource name."
            )
        artifact = find(reference.artifact_id)
        if artifact is None:
            raise NotFound(
                f"{field}: the artifact {reference.artifact_id} of {name!r} does not exist; the "
                "sandbox has those that its pipeline jobs created or imported in this location."
            )
        wanted = definitions[name].artifact_type.schema_title
        if wanted not in ("", "system.Artifact", artifact.type["schemaTitle"]):
            raise InvalidArgument(
                f"{field}: {name!r} must be a {wanted}, and {reference.artifact_id} is a "
                f"{artifact.type['schemaTitle']}."
            )
        found[name] = artifact
    for name, definition in definitions.items():
        if name not in found and not definition.is_optional:
            raise InvalidArgument(f"{field}: the artifact {name!r} is required.")
    return found


def _check_names(field: str, kind: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check all names before any value: a map does not define which error comes first."""
    for name in sorted(names):
        if name not in known:
            raise InvalidArgument(
                f"{field}: the pipeline has no {kind} {name!r}; "
                f"it has {', '.join(sorted(known)) or 'none'}."
            )


def _label_character(text: str) -> bool:
    # International letters are allowed, unless they are upper case.
    return text in "_-" or text.isdigit() or (text.isalpha() and text == text.lower())
