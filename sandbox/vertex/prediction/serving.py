"""Loaded models, and the routing of requests to them by the traffic split."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import FailedPrecondition, Internal, NotFound, Unavailable
from sandbox.vertex.prediction.artifacts import Artifacts, Estimator
from sandbox.vertex.prediction.destination import Destination, destination_of
from sandbox.vertex.store import Store


@dataclass(frozen=True)
class LoadedModel:
    """A deployed model, ready to predict."""

    deployed_id: str
    model: str
    version: str
    display_name: str
    artifact_uri: str
    image_uri: str
    estimator: Estimator | None = None


@dataclass(frozen=True)
class _Table:
    models: Sequence[LoadedModel]
    percentages: Sequence[int]
    log: Destination | None


class Serving:
    """Picks a model by the traffic split, from a table per endpoint that is rebuilt after changes.

    Until a change is on the disk the previous table is used: no prediction waits for the disk.
    """

    def __init__(
        self, store: Store, artifacts: Artifacts, chance: random.Random, project: str
    ) -> None:
        self._store = store
        self._project = project
        self._artifacts = artifacts
        self._chance = chance
        self._tables: dict[str, _Table] = {}
        # The version is part of the key: an id can be reused for another model.
        self._estimators: dict[tuple[str, str, str, str], Estimator] = {}
        self._loading = threading.Lock()

    def load(self, model: Any) -> Estimator:
        """Load a version's estimator; raises FailedPrecondition."""
        return self._artifacts.load(model.artifact_uri, model.container_spec.image_uri)

    def add(self, endpoint: str, deployed: Any, estimator: Estimator) -> None:
        """Keep the estimator of a DeployedModel, before it receives traffic."""
        self._estimators[_key(endpoint, deployed)] = estimator

    def loaded(self, endpoint: str, deployed: Any) -> bool:
        """Whether the estimator of a DeployedModel is in memory."""
        return _key(endpoint, deployed) in self._estimators

    def remove(self, endpoint: str, deployed: Any) -> None:
        """Drop the estimator of a DeployedModel that was undeployed."""
        self._estimators.pop(_key(endpoint, deployed), None)

    def invalidate(self, endpoint: str) -> None:
        """Rebuild the table of an endpoint; call it in the transaction that changes it."""
        self._store.after_commit(lambda: self._tables.pop(endpoint, None))

    def invalidate_all(self) -> None:
        """Rebuild all tables; call it in the transaction that changes a model."""
        self._store.after_commit(self._tables.clear)

    def pick(self, endpoint: str) -> tuple[LoadedModel, Estimator, Destination | None]:
        """A random model by the traffic split, and the log destination of a sampled request.

        Raises NotFound, FailedPrecondition for an endpoint without a split, Unavailable if the
        file of a model cannot be read after a restart.
        """
        table = self._tables.get(endpoint) or self._build(endpoint)
        if len(table.models) == 1:
            model = table.models[0]
        else:
            (model,) = self._chance.choices(table.models, table.percentages)
        log = table.log
        if log is not None and self._chance.random() >= log.sampling_rate:
            log = None
        return model, model.estimator or self._reload(endpoint, model), log

    def _build(self, name: str) -> _Table:
        # A transaction, so that no write comes between reading and storing the table.
        with self._store.transaction():
            if table := self._tables.get(name):  # another thread has built it
                return table
            endpoint = self._store.get(types.Endpoint, name)
            if endpoint is None:
                raise NotFound(f"Endpoint {name} is not found; list those of its location.")
            split = {key: value for key, value in endpoint.traffic_split.items() if value > 0}
            if not split:
                raise FailedPrecondition(
                    f"Endpoint {name} has no traffic split; deploy a model to it with a "
                    "traffic_split, or update the endpoint's."
                )
            models = [
                self._loaded_model(name, deployed)
                for deployed in endpoint.deployed_models
                if deployed.id in split
            ]
            table = _Table(
                models,
                [split[model.deployed_id] for model in models],
                destination_of(endpoint, self._project),
            )
            self._tables[name] = table
        return table

    def _loaded_model(self, endpoint: str, deployed: Any) -> LoadedModel:
        shared = self._store.get(types.Model, deployed.model)
        version = self._store.get(types.Model, f"{deployed.model}@{deployed.model_version_id}")
        if shared is None or version is None:
            raise Internal(f"{deployed.model} is deployed but is missing: the sandbox has a bug.")
        return LoadedModel(
            deployed_id=deployed.id,
            model=deployed.model,
            version=deployed.model_version_id,
            display_name=shared.display_name,
            artifact_uri=version.artifact_uri,
            image_uri=version.container_spec.image_uri,
            estimator=self._estimators.get(_key(endpoint, deployed)),
        )

    def _reload(self, endpoint: str, model: LoadedModel) -> Estimator:
        # After a restart, the models are not in memory yet.
        with self._loading:
            key = (endpoint, model.deployed_id, model.model, model.version)
            estimator = self._estimators.get(key)
            if estimator is None:
                try:
                    estimator = self._artifacts.load(model.artifact_uri, model.image_uri)
                except FailedPrecondition as error:
                    raise Unavailable(
                        f"DeployedModel {model.deployed_id} could not be restarted after a "
                        f"restart of the sandbox. {error.message}"
                    ) from error
                self._estimators[key] = estimator
        self.invalidate(endpoint)
        return estimator


def _key(endpoint: str, deployed: Any) -> tuple[str, str, str, str]:
    return endpoint, deployed.id, deployed.model, deployed.model_version_id
