"""Stored endpoints; each write sets a new etag and calls a listener."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import NotFound


class EndpointRecords:
    """The stored endpoints; `on_change` is called with the name of each changed one."""

    def __init__(self, context: Context, on_change: Callable[[str], None]) -> None:
        self._context = context
        self._on_change = on_change

    def get(self, name: str) -> Any:
        """A copy of the endpoint; raises InvalidArgument for an invalid name, NotFound."""
        name = self._context.names.resource(name, "endpoints", "endpoint")
        endpoint = self._context.store.get(types.Endpoint, name)
        if endpoint is None:
            raise NotFound(f"Endpoint {name} is not found; list the endpoints of its location.")
        return endpoint

    def exists(self, name: str) -> bool:
        """Whether the endpoint exists."""
        return self._context.store.get(types.Endpoint, name) is not None

    def list(self, parent: str) -> list[Any]:
        """The endpoints of a location, newest first."""
        return self._context.store.list(types.Endpoint, f"{parent}/endpoints/")

    def save(self, endpoint: Any) -> None:
        """Store an endpoint with a new etag and update time; call it inside a transaction."""
        endpoint.etag = secrets.token_urlsafe(18)
        endpoint.update_time = self._context.clock()
        self._context.store.put(endpoint.name, endpoint)
        self._on_change(endpoint.name)

    def delete(self, name: str) -> None:
        """Delete an endpoint; call it inside a transaction."""
        self._context.store.delete(types.Endpoint, name)
        self._on_change(name)

    def deployments(self, parent: str) -> Iterator[tuple[Any, Any]]:
        """Every endpoint of a location with each model deployed to it."""
        for endpoint in self.list(parent):
            for deployed in endpoint.deployed_models:
                yield endpoint, deployed
