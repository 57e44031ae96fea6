"""Every traffic split that was ever live, kept beside the endpoints in the same transactions."""

from collections.abc import Callable
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.store import Store

_HOME: Final = "sandbox/traffic/"


class TrafficHistory:
    """One entry for every state that an endpoint was in: its split, labels, models."""

    def __init__(self, store: Store, clock: Clock, loaded: Callable[[str, Any], bool]) -> None:
        """`loaded` says of an endpoint's name and a DeployedModel whether it could answer now.

        Those deployed before this server started count as ready: the first request to one loads
        it again, and is not answered before.
        """
        self._store = store
        self._clock = clock
        self._loaded = loaded
        self._left_over: set[tuple[str, str, str, str]] = set()
        for endpoint in store.list(types.Endpoint, "projects/"):
            self.count_as_ready(endpoint)

    def count_as_ready(self, endpoint: Any) -> None:
        """Say of the models on that endpoint that they can answer, loaded or not."""
        for one in endpoint.deployed_models:
            self._left_over.add((endpoint.name, one.id, one.model, one.model_version_id))

    def record(self, name: str) -> None:
        """Keep what the endpoint is like from now on; call it in the transaction that makes it so.

        A deleted endpoint has an entry without anything.
        """
        endpoint: Any = self._store.get(types.Endpoint, name) or types.Endpoint()
        entry = {
            "id": new_id(),
            "time": self._clock().isoformat(),
            "endpoint": name,
            "traffic_split": dict(endpoint.traffic_split),
            "labels": dict(endpoint.labels),
            "deployed": [deployed.id for deployed in endpoint.deployed_models],
            "ready": [
                deployed.id for deployed in endpoint.deployed_models if self._ready(name, deployed)
            ],
        }
        self._store.put(f"{_HOME}{entry['id']}", json_format.ParseDict(entry, struct_pb2.Struct()))

    def list(self, endpoint: str = "") -> list[dict[str, Any]]:
        """The entries, or those of that endpoint, oldest first."""
        entries = map(json_format.MessageToDict, self._store.list(struct_pb2.Struct, _HOME))
        found = [one for one in entries if endpoint in ("", one["endpoint"])]
        for one in found:  # A Struct knows no whole numbers.
            one["traffic_split"] = {k: int(share) for k, share in one["traffic_split"].items()}
        return found[::-1]

    def forget(self) -> None:
        """Delete all entries."""
        with self._store.transaction():
            for one in self.list():
                self._store.delete(struct_pb2.Struct, f"{_HOME}{one['id']}")

    def _ready(self, name: str, deployed: Any) -> bool:
        known = (name, deployed.id, deployed.model, deployed.model_version_id) in self._left_over
        return known or self._loaded(name, deployed)
