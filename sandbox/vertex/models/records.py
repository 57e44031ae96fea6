"""Stored models: the shared record at `models/M`, and one per version at `models/M@N`."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.resource_names import parent_of
from sandbox.vertex.models.aliases import DEFAULT, merge_aliases
from sandbox.vertex.prediction.model_copies import ModelCopies

SHARED_FIELDS: Final = ("display_name", "description")
"""Fields of the model, not of one version (the docs of UpdateModelRequest.model)."""
Deployments = Callable[[str], Iterable[tuple[Any, Any]]]
"""Every endpoint of a location with each model deployed to it (EndpointRecords.deployments)."""


class ModelRecords:
    """The stored models. The version_id of the shared record is the newest version's."""

    def __init__(
        self,
        context: Context,
        deployments: Deployments,
        on_change: Callable[[], None],
        copies: ModelCopies,
    ) -> None:
        self._context = context
        self._store = context.store
        self._deployments = deployments
        self._on_change = on_change
        self._copies = copies

    def get(self, reference: str) -> Any:
        """The version that `models/M`, `models/M@2` or `models/M@alias` names.

        Raises InvalidArgument for an invalid name, NotFound.
        """
        name, version = self.split(reference)
        shared = self.shared(name)
        for record in self.versions(name):
            if version in (record.version_id, *record.version_aliases):
                return self.view(shared, record)
        raise NotFound(f"Model {name} has no version {version}; list its versions.")

    def split(self, reference: str) -> tuple[str, str]:
        """The name of the model, and the version or alias, by default `default`.

        Raises InvalidArgument for an invalid name, such as one that ends with `@`.
        """
        name = self._context.names.resource(reference, "models", "model")
        name, at, version = name.partition("@")
        if at and not version:
            raise InvalidArgument(
                f"Invalid name {reference!r}: it must have a version id or alias after @, or no @."
            )
        return name, version or DEFAULT

    def shared(self, name: str) -> Any:
        """The shared record of a model; raises NotFound."""
        shared = self._store.get(types.Model, name)
        if shared is None:
            raise NotFound(f"Model {name} is not found; list the models of its location.")
        return shared

    def exists(self, name: str) -> bool:
        """Whether the model exists."""
        return self._store.get(types.Model, name) is not None

    def versions(self, name: str) -> list[Any]:
        """The version records of a model, newest first."""
        return self._store.list(types.Model, f"{name}@")

    def list(self, parent: str) -> list[Any]:
        """The default version of every model in a location, newest model first."""
        models = self._store.list(types.Model, f"{parent}/models/")
        # Only the shared records have a name.
        return [self.get(model.name) for model in models if model.name]

    def view(self, shared: Any, record: Any) -> Any:
        """A version as the API returns it: with the shared fields, labels and deployments."""
        model = types.Model(record)
        model.name = shared.name
        for field in (*SHARED_FIELDS, "create_time", "update_time"):
            setattr(model, field, getattr(shared, field))
        model.labels = {**shared.labels, **record.labels}
        model.etag = hashlib.sha256(f"{shared.etag} {record.etag}".encode()).hexdigest()[:24]
        model.deployed_models = [
            types.DeployedModelRef(endpoint=endpoint.name, deployed_model_id=deployed.id)
            for endpoint, deployed in self._deployments(parent_of(shared.name))
            if (deployed.model, deployed.model_version_id) == (shared.name, record.version_id)
        ]
        return model

    def save_shared(self, shared: Any) -> None:
        """Store the shared record; call it inside a transaction."""
        shared.etag, shared.update_time = _etag(), self._context.clock()
        self._store.put(shared.name, shared)
        self._on_change()

    def save_version(self, name: str, record: Any) -> None:
        """Store a version record; call it inside a transaction."""
        record.etag, record.version_update_time = _etag(), self._context.clock()
        self._store.put(f"{name}@{record.version_id}", record)

    def set_aliases(self, name: str, version: str, changes: Iterable[str]) -> None:
        """Add and remove aliases (see merge_aliases); call it inside a transaction."""
        records = self.versions(name)
        before = {record.version_id: list(record.version_aliases) for record in records}
        after = merge_aliases(before, version, changes)
        for record in records:
            if after[record.version_id] != before[record.version_id]:
                record.version_aliases = after[record.version_id]
                self.save_version(name, record)

    def delete_version(self, name: str, version: str) -> None:
        """Delete a version, its copied artifact and its evaluations; call it inside a
        transaction."""
        self._copies.delete(name, version)
        self._store.delete(types.Model, f"{name}@{version}")
        kinds: tuple[Any, ...] = (types.ModelEvaluation, types.ModelEvaluationSlice)
        for kind in kinds:
            for one in self._store.list(kind, f"{name}@{version}/"):
                self._store.delete(kind, one.name)

    def delete(self, name: str) -> None:
        """Delete a model with all versions; call it inside a transaction."""
        for record in self.versions(name):
            self.delete_version(name, record.version_id)
        self._store.delete(types.Model, name)
        self._on_change()


def _etag() -> str:
    return secrets.token_urlsafe(18)
