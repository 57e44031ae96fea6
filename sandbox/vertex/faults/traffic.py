"""History of traffic splits, stored in the same transactions as the endpoints."""

from collections.abc import Callable
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.store import Store

_HOME: Final = "sandbox/traffic/"


class TrafficHistory:
    """One entry for each state of an endpoint: its split, labels and models."""

    def __init__(self, store: Store, clock: Clock, loaded: Callable[[str, Any], bool]) -> None:
        """`loaded` returns whether a DeployedModel of an endpoint, by name, is in memory.

        Models that were deployed before this server started count as ready: the first request to
        such a model loads it.
        """
        self._store = store
        self._clock = clock
        self._loaded = loaded
        self._ready_models: set[tuple[str, str, str, str]] = set()
        for endpoint in store.list(types.Endpoint, "projects/"):
            self.count_as_ready(endpoint)

    def count_as_ready(self, endpoint: Any) -> None:
        """Let the models on the endpoint count as ready, loaded or not."""
        for deployed in endpoint.deployed_models:
            self._ready_models.add(_key(endpoint.name, deployed))

    def record(self, name: str) -> None:
        """Add the endpoint's current state; call it in the transaction that changes it.

        The entry of a deleted endpoint is empty.
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
        """All entries, or those of one endpoint, oldest first."""
        entries = map(json_format.MessageToDict, self._store.list(struct_pb2.Struct, _HOME))
        found = [entry for entry in entries if endpoint in ("", entry["endpoint"])]
        for entry in found:  # A Struct has no integers.
            entry["traffic_split"] = {k: int(v) for k, v in entry["traffic_split"].items()}
        return found[::-1]

    def clear(self) -> None:
        """Delete all entries."""
        with self._store.transaction():
            for entry in self.list():
                self._store.delete(struct_pb2.Struct, f"{_HOME}{entry['id']}")

    def _ready(self, name: str, deployed: Any) -> bool:
        return _key(name, deployed) in self._ready_models or self._loaded(name, deployed)


def _key(endpoint: str, deployed: Any) -> tuple[str, str, str, str]:
    return endpoint, deployed.id, deployed.model, deployed.model_version_id
