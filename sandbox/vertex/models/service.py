"""ModelService, without uploads (uploads.py) and evaluations (evaluations.py)."""

from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument
from sandbox.vertex.http.field_checks import (
    check_display_name,
    check_etag,
    check_labels,
    mask_paths,
)
from sandbox.vertex.http.listing import attributes, list_page
from sandbox.vertex.models.aliases import DEFAULT
from sandbox.vertex.models.records import SHARED_FIELDS, ModelRecords

_OF_MODEL: Final = (*SHARED_FIELDS, "labels")
_OF_VERSION: Final = ("version_description", "labels")


class ModelService:
    """Methods of google/cloud/aiplatform/v1/model_service.proto."""

    def __init__(self, context: Context, records: ModelRecords) -> None:
        self._context = context
        self._records = records

    def get_model(self, request: Any) -> Any:
        """A version, by default the default one; raises InvalidArgument, NotFound."""
        return self._records.get(request.name)

    def list_models(self, request: Any) -> Any:
        """The default version of every model of a location; raises InvalidArgument."""
        page = list_page(
            self._records.list(self._context.names.parent(request.parent)),
            request,
            {"model": lambda item: item.name.rpartition("/")[2], **attributes("display_name")},
            attributes("display_name", "create_time", "update_time"),
        )
        return types.ListModelsResponse(models=page.items, next_page_token=page.next_page_token)

    def list_model_versions(self, request: Any) -> Any:
        """All versions of a model; raises InvalidArgument, NotFound.

        By default the oldest is first, as the SDK's system test of versions has it
        (tests/system/aiplatform/test_model_version_management.py).
        """
        name, _ = self._records.split(request.name)
        shared = self._records.shared(name)
        page = list_page(
            [self._records.view(shared, record) for record in self._records.versions(name)[::-1]],
            request,
            {},
            {
                "create_time": lambda model: model.version_create_time,
                "update_time": lambda model: model.version_update_time,
            },
        )
        return types.ListModelVersionsResponse(
            models=page.items, next_page_token=page.next_page_token
        )

    def list_model_version_checkpoints(self, request: Any) -> Any:
        """No checkpoints, which only tuned models have; raises InvalidArgument, NotFound."""
        self._records.get(request.name)
        none: list[Any] = []
        page = list_page(none, request, {}, {})
        return types.ListModelVersionCheckpointsResponse(checkpoints=page.items)

    def update_model(self, request: Any) -> Any:
        """Change the model (`models/M`, `models/M@-`) or one version (`models/M@2`).

        The docs of UpdateModelRequest.model say which fields belong to which. Raises
        InvalidArgument, NotFound, and Aborted for an outdated etag.
        """
        update = request.model
        base, version = self._records.split(update.name)
        of_model = "@" not in update.name or version == "-"
        allowed = _OF_MODEL if of_model else _OF_VERSION
        what = "a model" if of_model else "a model's version"
        paths = mask_paths(request.update_mask, allowed, what)
        if "display_name" in paths:
            check_display_name(update.display_name, "model.display_name")
        if "labels" in paths:
            check_labels(update.labels, "model.labels")
        with self._context.store.transaction():
            current = self._records.get(base if of_model else update.name)
            check_etag(update.name, update.etag, current.etag)
            if of_model:
                shared = self._records.shared(current.name)
                _copy(paths, update, shared)
                self._records.save_shared(shared)
            else:
                record = self._version(current.name, current.version_id)
                _copy(paths, update, record)
                self._records.save_version(current.name, record)
            return self._records.get(f"{current.name}@{current.version_id}")

    def merge_version_aliases(self, request: Any) -> Any:
        """Add aliases to a version, and remove those with the prefix `-`.

        Raises InvalidArgument, also for a name without a version, and NotFound.
        """
        name, version = self._explicit(request.name)
        if not request.version_aliases:
            raise InvalidArgument("version_aliases is required: the aliases to add or remove.")
        with self._context.store.transaction():
            self._records.set_aliases(name, version, list(request.version_aliases))
            return self._records.get(f"{name}@{version}")

    def delete_model(self, request: Any) -> Any:
        """Start to delete a model; raises NotFound, FailedPrecondition while it is deployed."""
        name, _ = self._records.split(request.name)
        if "@" in request.name:
            raise InvalidArgument(f"{request.name} is a version; use deleteVersion, or {name}.")

        def check() -> None:
            shared = self._records.shared(name)
            for record in self._records.versions(name):
                _require_undeployed(self._records.view(shared, record))

        def finish() -> None:
            check()
            self._records.delete(name)

        check()
        return self._context.start(name, types.DeleteOperationMetadata(), finish)

    def delete_model_version(self, request: Any) -> Any:
        """Start to delete a version.

        Raises InvalidArgument, NotFound, and FailedPrecondition for the only version, the default
        one, and a deployed one.
        """
        name, version = self._explicit(request.name)

        def check() -> None:
            model = self._records.get(f"{name}@{version}")
            if len(self._records.versions(name)) == 1:
                raise FailedPrecondition(
                    f"{name} has no version but {version}; delete the model instead."
                )
            if DEFAULT in model.version_aliases:
                raise FailedPrecondition(
                    f"{name}@{version} is the default version; "
                    f"give the alias {DEFAULT!r} to another one first."
                )
            _require_undeployed(model)

        def finish() -> None:
            check()
            self._records.delete_version(name, version)

        check()
        return self._context.start(name, types.DeleteOperationMetadata(), finish)

    def _explicit(self, reference: str) -> tuple[str, str]:
        """The model and the id of the version that the name has explicitly.

        By id as in the proto file, or by alias as the SDK's `ModelRegistry.delete_version` says,
        and as its system test of versions gives aliases.
        """
        name, version = self._records.split(reference)
        if "@" not in reference:
            raise InvalidArgument(
                f"Invalid name {reference!r}: the version must be in it, as in {name}@1."
            )
        return name, self._records.get(f"{name}@{version}").version_id

    def _version(self, name: str, version: str) -> Any:
        return next(r for r in self._records.versions(name) if r.version_id == version)


def _copy(paths: list[str], source: Any, target: Any) -> None:
    for path in paths:
        setattr(target, path, getattr(source, path))


def _require_undeployed(model: Any) -> None:
    for deployed in model.deployed_models:
        raise FailedPrecondition(
            f"{model.name}@{model.version_id} is deployed to {deployed.endpoint} as "
            f"{deployed.deployed_model_id} and cannot be deleted; undeploy it first."
        )
