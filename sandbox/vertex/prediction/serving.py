"""The running deployed models, and the routing of requests to them by the traffic split."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.containers.deployment import Deployment
from sandbox.vertex.http.errors import FailedPrecondition, Internal, NotFound, Unavailable
from sandbox.vertex.prediction.access import Access, access_of
from sandbox.vertex.prediction.destination import Destination, destination_of
from sandbox.vertex.prediction.model_copies import ModelCopies
from sandbox.vertex.prediction.model_servers import Host
from sandbox.vertex.prediction.restarts import Restarts
from sandbox.vertex.store import Store

_Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Target:
    """A deployed model that receives requests."""

    deployed_id: str
    model: str
    version: str
    display_name: str
    endpoint_display_name: str
    deployment: Deployment


@dataclass(frozen=True)
class _Table:
    deployed: Sequence[Any]
    percentages: Sequence[int]
    targets: dict[str, Future[Target]]
    endpoint: Any
    access: Access
    log: Destination | None


class Serving:
    """Picks a model by the traffic split, from a table per endpoint that is rebuilt after changes.

    Until a change is on the disk the previous table is used: no prediction waits for the disk. No
    method but `start` and `close` waits for a container.
    """

    def __init__(
        self, store: Store, host: Host, copies: ModelCopies, chance: random.Random, project: str
    ) -> None:
        self._store = store
        self._host = host
        self._copies = copies
        self._project = project
        self._chance = chance
        self._tables: dict[str, _Table] = {}
        # The version is part of the key: an id can be reused for another model.
        self._deployments: dict[_Key, Deployment] = {}
        self._deployed: set[_Key] = set()
        self._starting: set[Deployment] = set()
        self._restarts: Restarts[Target] = Restarts()
        self._closed = False
        self._draining: set[threading.Thread] = set()

    def start(self, endpoint: str, deployed: Any, model: Any) -> Deployment:
        """Start the containers of a DeployedModel, and wait until they are healthy.

        Raises FailedPrecondition for an unknown image, and for a container that does not become
        healthy. The caller passes the result to `add`, or kills it.
        """
        deployment = self._host.start(
            endpoint,
            deployed,
            model.container_spec,
            self._copies.uri(model.name, model.version_id),
            deployed.dedicated_resources.min_replica_count,
        )
        self._starting.add(deployment)
        if self._closed:  # close() may not have seen it
            deployment.kill()
        try:
            self._host.wait_until_healthy(deployment, endpoint, deployed.id)
        finally:
            self._starting.discard(deployment)
        return deployment

    def add(self, endpoint: str, deployed: Any, deployment: Deployment) -> None:
        """Keep the containers of a DeployedModel, before it receives traffic."""
        self._deployments[_key(endpoint, deployed)] = deployment
        self._deployed.add(_key(endpoint, deployed))

    def loaded(self, endpoint: str, deployed: Any) -> bool:
        """Whether the containers of a DeployedModel were healthy since this server started."""
        return _key(endpoint, deployed) in self._deployed

    def healthy(self, endpoint: str, deployed: Any) -> int:
        """The number of healthy replicas of a DeployedModel."""
        found = self._deployments.get(_key(endpoint, deployed))
        return found.healthy() if found is not None else 0

    def scale(self, endpoint: str, deployed: Any) -> None:
        """Start or stop replicas of a DeployedModel whose resources changed."""
        deployment = self._deployments.get(_key(endpoint, deployed))
        if deployment is not None:
            deployment.scale(deployed.dedicated_resources.min_replica_count)

    def remove(self, endpoint: str, deployed: Any) -> None:
        """Stop the containers of a DeployedModel that was undeployed, after their last response."""
        self._deployed.discard(_key(endpoint, deployed))
        deployment = self._deployments.pop(_key(endpoint, deployed), None)
        if deployment is None:
            return

        def drain() -> None:
            deployment.drain()
            self._draining.discard(threading.current_thread())

        thread = threading.Thread(target=drain, name="vertex-drain", daemon=True)
        self._draining.add(thread)
        self._store.after_commit(thread.start)

    def invalidate(self, endpoint: str) -> None:
        """Rebuild the table of an endpoint; call it in the transaction that changes it."""
        self._store.after_commit(lambda: self._tables.pop(endpoint, None))

    def invalidate_all(self) -> None:
        """Rebuild all tables; call it in the transaction that changes a model."""
        self._store.after_commit(self._tables.clear)

    def stop_all(self) -> None:
        """Stop all containers at once; each starts again at its model's next request."""
        stopped, self._deployments = self._deployments, {}
        self._tables.clear()
        for deployment in stopped.values():
            deployment.kill()

    def close(self) -> None:
        """Stop all containers, also those that are starting."""
        self._closed = True
        for deployment in list(self._starting):
            deployment.kill()
        self._restarts.join()
        self.stop_all()
        for thread in list(self._draining):
            thread.join()

    def access(self, name: str) -> Access:
        """How the endpoint of that name answers; raises NotFound."""
        return self._table(name).access

    def pick(self, name: str, deployed_id: str = "") -> tuple[Future[Target], Destination | None]:
        """A random model by the traffic split, or the one of that id; and the log destination of a
        sampled request.

        The model is there at once, unless its containers start again after a restart of the
        sandbox; all requests share one start. Raises NotFound, and FailedPrecondition for an
        endpoint without a split; the future raises Unavailable if the containers cannot be started.
        """
        table = self._table(name)
        if deployed_id:
            found = [one for one in table.endpoint.deployed_models if one.id == deployed_id]
            if not found:
                raise NotFound(f"DeployedModel {deployed_id} is not found in {name}.")
            deployed = found[0]
        elif not table.deployed:
            raise FailedPrecondition(
                f"Endpoint {name} has no traffic split; deploy a model to it with a "
                "traffic_split, or update the endpoint's."
            )
        elif len(table.deployed) == 1:
            deployed = table.deployed[0]
        else:
            (deployed,) = self._chance.choices(table.deployed, table.percentages)
        log = table.log
        if log is not None and self._chance.random() >= log.sampling_rate:
            log = None
        return table.targets.get(deployed.id) or self._target(table, name, deployed), log

    def _table(self, name: str) -> _Table:
        return self._tables.get(name) or self._build(name)

    def _build(self, name: str) -> _Table:
        # A transaction, so that no write comes between reading and storing the table.
        with self._store.transaction():
            if table := self._tables.get(name):  # another thread has built it
                return table
            endpoint = self._store.get(types.Endpoint, name)
            if endpoint is None:
                raise NotFound(f"Endpoint {name} is not found; list those of its location.")
            split = {key: value for key, value in endpoint.traffic_split.items() if value > 0}
            deployed = [one for one in endpoint.deployed_models if one.id in split]
            table = _Table(
                deployed,
                [split[one.id] for one in deployed],
                {},
                endpoint,
                access_of(endpoint),
                destination_of(endpoint, self._project),
            )
            self._tables[name] = table
        return table

    def _target(self, table: _Table, endpoint: str, deployed: Any) -> Future[Target]:
        shared = self._store.get(types.Model, deployed.model)
        version = self._store.get(types.Model, f"{deployed.model}@{deployed.model_version_id}")
        if shared is None or version is None:
            raise Internal(f"{deployed.model} is deployed but is missing: the sandbox has a bug.")

        def target(deployment: Deployment) -> Target:
            return Target(
                deployed.id,
                deployed.model,
                deployed.model_version_id,
                shared.display_name,
                table.endpoint.display_name,
                deployment,
            )

        key = _key(endpoint, deployed)
        deployment = self._deployments.get(key)
        if deployment is None:
            version.name = shared.name
            return self._restarts.run(
                key, lambda: target(self._start_again(endpoint, deployed, version))
            )
        done: Future[Target] = Future()
        done.set_result(target(deployment))
        return table.targets.setdefault(deployed.id, done)

    def _start_again(self, endpoint: str, deployed: Any, version: Any) -> Deployment:
        # After a restart of the sandbox, a model is started at its first request.
        key = _key(endpoint, deployed)
        if found := self._deployments.get(key):  # by a start that has just ended
            return found
        try:
            deployment = self.start(endpoint, deployed, version)
        except FailedPrecondition as error:
            raise Unavailable(
                f"DeployedModel {deployed.id} could not be restarted after a restart of "
                f"the sandbox. {error.message}"
            ) from error
        if not self._keep(key, deployment):
            deployment.kill()
            raise Unavailable(
                f"DeployedModel {deployed.id} was undeployed while it was restarted; "
                "repeat the request."
            )
        return deployment

    def _keep(self, key: _Key, deployment: Deployment) -> bool:
        """Keep the containers that were started again; False if the model is not deployed now."""
        with self._store.transaction():  # so that `remove` comes before or after
            endpoint = self._store.get(types.Endpoint, key[0])
            for deployed in endpoint.deployed_models if endpoint is not None else ():
                # It may have been undeployed and deployed again under its id.
                if _key(key[0], deployed) == key and key not in self._deployments:
                    deployment.scale(deployed.dedicated_resources.min_replica_count)
                    self._deployments[key] = deployment
                    return True
        return False


def _key(endpoint: str, deployed: Any) -> _Key:
    return endpoint, deployed.id, deployed.model, deployed.model_version_id
