"""Loaded models, and who of them answers the next request."""

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
    shares: Sequence[int]
    log: Destination | None


class Serving:
    """Picks by the traffic split. What it knows is rebuilt from the store whenever that changes.

    Until a change is on the disk what was true before it is: no prediction waits for the disk.
    """

    def __init__(
        self, store: Store, artifacts: Artifacts, chance: random.Random, project: str
    ) -> None:
        self._store = store
        self._project = project
        self._artifacts = artifacts
        self._chance = chance
        self._tables: dict[str, _Table] = {}
        # By version, too: an id may be given again to another model.
        self._estimators: dict[tuple[str, str, str, str], Estimator] = {}
        self._loading = threading.Lock()

    def load(self, model: Any) -> Estimator:
        """What the model's version predicts with; raises FailedPrecondition."""
        return self._artifacts.load(model.artifact_uri, model.container_spec.image_uri)

    def add(self, endpoint: str, deployed: Any, estimator: Estimator) -> None:
        """Have that DeployedModel ready before traffic reaches it."""
        self._estimators[_key(endpoint, deployed)] = estimator

    def loaded(self, endpoint: str, deployed: Any) -> bool:
        """Whether that DeployedModel is in memory, ready to answer."""
        return _key(endpoint, deployed) in self._estimators

    def remove(self, endpoint: str, deployed: Any) -> None:
        """Let go of a DeployedModel that has left."""
        self._estimators.pop(_key(endpoint, deployed), None)

    def forget(self, endpoint: str) -> None:
        """The endpoint changed (call it inside the transaction that changes it)."""
        self._store.after_commit(lambda: self._tables.pop(endpoint, None))

    def forget_all(self) -> None:
        """Models changed (call it inside the transaction that changes them)."""
        self._store.after_commit(self._tables.clear)

    def pick(self, endpoint: str) -> tuple[LoadedModel, Estimator, Destination | None]:
        """Who answers the next request, at random by the traffic split, and where to log that.

        Raises NotFound, FailedPrecondition without a split, Unavailable when after a restart
        the model's file cannot be read.
        """
        table = self._tables.get(endpoint) or self._build(endpoint)
        if len(table.models) == 1:
            seat = table.models[0]
        else:
            (seat,) = self._chance.choices(table.models, table.shares)
        log = table.log
        if log is not None and self._chance.random() >= log.sampling_rate:
            log = None
        return seat, seat.estimator or self._load_again(endpoint, seat), log

    def _build(self, name: str) -> _Table:
        # Inside a transaction, so that no writer can come between reading and remembering.
        with self._store.transaction():
            if built := self._tables.get(name):  # by one of the others who waited for it, too
                return built
            endpoint = self._store.get(types.Endpoint, name)
            if endpoint is None:
                raise NotFound(f"Endpoint {name} is not found; list those of its location.")
            split = {key: share for key, share in endpoint.traffic_split.items() if share > 0}
            if not split:
                raise FailedPrecondition(
                    f"Endpoint {name} has no traffic split; deploy a model to it with a "
                    "traffic_split, or update the endpoint's."
                )
            seats = [
                self._loaded_model(name, deployed)
                for deployed in endpoint.deployed_models
                if deployed.id in split
            ]
            table = _Table(
                seats,
                [split[seat.deployed_id] for seat in seats],
                destination_of(endpoint, self._project),
            )
            self._tables[name] = table
        return table

    def _loaded_model(self, endpoint: str, deployed: Any) -> LoadedModel:
        shared = self._store.get(types.Model, deployed.model)
        version = self._store.get(types.Model, f"{deployed.model}@{deployed.model_version_id}")
        if shared is None or version is None:
            raise Internal(f"{deployed.model} is deployed and yet gone: the sandbox has a bug.")
        return LoadedModel(
            deployed_id=deployed.id,
            model=deployed.model,
            version=deployed.model_version_id,
            display_name=shared.display_name,
            artifact_uri=version.artifact_uri,
            image_uri=version.container_spec.image_uri,
            estimator=self._estimators.get(_key(endpoint, deployed)),
        )

    def _load_again(self, endpoint: str, seat: LoadedModel) -> Estimator:
        # After a restart: the endpoint is there, its models are not in memory yet.
        with self._loading:
            key = (endpoint, seat.deployed_id, seat.model, seat.version)
            estimator = self._estimators.get(key)
            if estimator is None:
                try:
                    estimator = self._artifacts.load(seat.artifact_uri, seat.image_uri)
                except FailedPrecondition as error:
                    raise Unavailable(
                        f"DeployedModel {seat.deployed_id} could not be started again after a "
                        f"restart of the sandbox. {error.message}"
                    ) from error
                self._estimators[key] = estimator
        self.forget(endpoint)
        return estimator


def _key(endpoint: str, deployed: Any) -> tuple[str, str, str, str]:
    return endpoint, deployed.id, deployed.model, deployed.model_version_id
