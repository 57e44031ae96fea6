"""UploadModel and CopyModel: add a model, or a version of a model."""

import re
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import AlreadyExists, InvalidArgument, Unimplemented
from sandbox.vertex.http.field_checks import check_display_name, check_labels
from sandbox.vertex.http.resource_names import check_id, new_id, parent_of
from sandbox.vertex.models.aliases import DEFAULT, merge_aliases
from sandbox.vertex.models.container_checks import check_container
from sandbox.vertex.models.formats import INPUT_FORMATS, OUTPUT_FORMATS
from sandbox.vertex.models.records import SHARED_FIELDS, ModelRecords
from sandbox.vertex.operations.lifecycle import Finish
from sandbox.vertex.prediction.model_copies import ModelCopies

_OF_VERSION: Final = (
    "version_description",
    "predict_schemata",
    "metadata_schema_uri",
    "metadata",
    "pipeline_job",
    "container_spec",
    "artifact_uri",
    "explanation_spec",
    "labels",
    "original_model_info",
)


class UploadService:
    """UploadModel and CopyModel of google/cloud/aiplatform/v1/model_service.proto."""

    def __init__(self, context: Context, records: ModelRecords, copies: ModelCopies) -> None:
        self._context = context
        self._records = records
        self._copies = copies

    def upload_model(self, request: Any) -> Any:
        """Start to add a model, or with `parent_model` its next version.

        The labels become those of the version. Raises InvalidArgument, AlreadyExists for a
        model_id that exists, NotFound for a missing parent_model, Unimplemented.
        """
        _check(request.model)
        model = types.Model(request.model)
        del model.original_model_info  # output only
        metadata, response = types.UploadModelOperationMetadata(), types.UploadModelResponse
        return self._start(request, model, model.artifact_uri, metadata, response)

    def copy_model(self, request: Any) -> Any:
        """Start to copy a version, by default the default one, as a new model in any location, or
        with `parent_model` as its next version. Aliases and evaluations are not copied.

        Raises as upload_model, NotFound for the source, and PermissionDenied for one of another
        project.
        """
        if "encryption_spec" in request:
            raise Unimplemented("encryption_spec is not in the sandbox; leave it out.")
        source = self._records.get(request.source_model)
        original = f"{source.name}@{source.version_id}"
        copy = types.Model(source)
        copy.version_aliases = []
        copy.original_model_info.model = original
        artifact = self._copies.uri(source.name, source.version_id)
        metadata, response = types.CopyModelOperationMetadata(), types.CopyModelResponse
        return self._start(request, copy, artifact, metadata, response)

    def _start(
        self, request: Any, model: Any, artifact_uri: str, metadata: Any, response: type[Any]
    ) -> Any:
        """Start to add `model`, with a copy of the artifact, where the request says."""
        name = self._destination(request)

        def prepare() -> Finish:
            copy = self._copies.copy(artifact_uri) if artifact_uri else ""

            def finish() -> Any:
                version = self._add(name, model, new=not request.parent_model)
                self._copies.save(copy, name, version)
                return response(model=name, model_version_id=version)

            return finish

        seconds = self._context.durations.other
        return self._context.operations.start(name, metadata, seconds, prepare)

    def _destination(self, request: Any) -> str:
        """The name of the model that a version is added to, or of the new one."""
        parent = self._context.names.parent(request.parent)
        if request.parent_model:
            if request.model_id:
                raise InvalidArgument("Send parent_model or model_id, not both.")
            name, _ = self._records.split(request.parent_model)
            if parent_of(name) != parent:
                raise InvalidArgument(f"parent_model {name} is not in {parent}; send its location.")
            self._records.shared(name)
            return name
        if request.model_id:
            check_id(request.model_id, "models")
        name = f"{parent}/models/{request.model_id or new_id()}"
        self._require_new(name)
        if self._context.operations.running(name):
            raise AlreadyExists(f"Model {name} is being uploaded; wait for it.")
        return name

    def _add(self, name: str, model: Any, *, new: bool) -> str:
        now = self._context.clock()
        if new:
            self._require_new(name)
            shared = types.Model(name=name, create_time=now, version_id="0")
            for field in SHARED_FIELDS:
                setattr(shared, field, getattr(model, field))
        else:
            # A new version does not change the model's name and description.
            shared = self._records.shared(name)
        version = str(int(shared.version_id) + 1)
        shared.version_id = version
        record = types.Model(
            version_id=version,
            version_create_time=now,
            supported_deployment_resources_types=[
                types.Model.DeploymentResourcesType.DEDICATED_RESOURCES
            ],
            supported_input_storage_formats=INPUT_FORMATS,
            supported_output_storage_formats=OUTPUT_FORMATS,
            model_source_info=types.ModelSourceInfo(
                source_type=types.ModelSourceInfo.ModelSourceType.CUSTOM,
                copy="original_model_info" in model,
            ),
            **{field: getattr(model, field) for field in _OF_VERSION if field in model},
        )
        self._records.save_shared(shared)
        self._records.save_version(name, record)
        aliases = [*model.version_aliases, *([DEFAULT] if new else [])]
        self._records.set_aliases(name, version, aliases)
        return version

    def _require_new(self, name: str) -> None:
        if self._records.exists(name):
            raise AlreadyExists(
                f"Model {name} already exists; send it as parent_model to add a version."
            )


def _check(model: Any) -> None:
    check_display_name(model.display_name, "model.display_name")
    check_labels(model.labels, "model.labels")
    merge_aliases({"": []}, "", [alias.removeprefix("-") for alias in model.version_aliases])
    if any(alias.startswith("-") for alias in model.version_aliases):
        raise InvalidArgument(
            "model.version_aliases has an alias with '-'; a new version has none to remove."
        )
    check_container(model.container_spec)
    if model.artifact_uri and not re.match("gs://[^/]", model.artifact_uri):
        raise InvalidArgument(
            f"model.artifact_uri is {model.artifact_uri!r}; it must be gs://BUCKET/FOLDER."
        )
    for field in ("encryption_spec", "base_model_source"):
        if field in model:
            raise Unimplemented(f"model.{field} is not in the sandbox; leave it out.")
