"""The local Vertex AI without its HTTP server, which costs most of the time of a call."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from sandbox.state import PROJECT_NUMBER
from sandbox.vertex.context import Context, Durations
from sandbox.vertex.endpoints.deployments import DeploymentService
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.service import EndpointService
from sandbox.vertex.faults.registry import disturbance
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.models.service import ModelService
from sandbox.vertex.models.uploads import UploadService
from sandbox.vertex.operations.lifecycle import Operations
from sandbox.vertex.operations.service import OperationService
from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.store import Store
from tests.sandbox.conftest import PROJECT
from tests.sandbox.vertex_calls import ManualClock, VertexCalls
from tests.titleholder.reconciler.fake_channel import FakeChannel
from tests.titleholder.reconciler.in_memory_faults import InMemoryFaults


class InMemoryVertex(VertexCalls):
    """A local Vertex AI in memory, to which `channel` is connected from now on. `traffic` records
    every split that was ever live. It answers in the caller's thread, one caller at a time."""

    def __init__(
        self,
        channel: FakeChannel,
        durations: Durations = Durations(deploy=12, undeploy=3, other=1),  # noqa: B008
    ) -> None:
        self.clock = ManualClock()
        store = Store(Path(":memory:"))
        operations = Operations(store, self.clock, disturbance)
        context = Context(store, self.clock, Names(PROJECT, PROJECT_NUMBER), operations, durations)
        anything: Any = Anything()
        serving = NoContainers(store, anything, anything, random.Random(0), PROJECT)

        def changed(name: str) -> None:
            serving.invalidate(name)
            self.traffic.record(name)

        endpoints = EndpointRecords(context, changed)
        on_change = serving.invalidate_all
        models = ModelRecords(context, endpoints.deployments, on_change, anything)
        self.traffic = TrafficHistory(store, self.clock, serving.loaded)
        snapshots = Snapshots(store, context.names, self.traffic)
        self.faults = InMemoryFaults(self.traffic, snapshots)
        self._store, self._operations = store, operations
        self._services: list[Any] = [
            EndpointService(context, endpoints),
            DeploymentService(context, endpoints, models, serving, wait_for_containers=True),
            ModelService(context, models),
            UploadService(context, models, anything),
            OperationService(operations),
        ]
        channel.vertex = self
        self.channel = channel
        self.endpoints, self.models = channel.endpoints, channel.models

    def answer(self, method: str, request: Any) -> Any:
        """The answer of the server; raises ApiError, and Dropped where a fault drops it."""

        def call() -> Any:
            self._operations.settle()
            service = next(one for one in self._services if hasattr(one, method))
            return getattr(service, method)(request)

        return self.faults.apply(method, request, call)

    def finish(self, future: Any, seconds: float = 60) -> Any:
        self.clock.advance(seconds)
        operation = self.endpoints.get_operation({"name": future.operation.name})
        assert operation.done, operation
        assert not operation.error.code, operation.error
        kind = getattr(types, operation.response.type_url.rpartition(".")[2], None)
        return kind and kind.deserialize(operation.response.value)

    def close(self) -> None:
        self._operations.close()
        self._store.close()


class NoContainers(Serving):
    """Deploys models whose containers are healthy at once; no test requests predictions of them."""

    def start(self, *_: object) -> Any:
        return Anything()


class Anything:
    """Replaces containers, and the copies of models' files, which these tests do not use."""

    def copy(self, uri: str) -> str:
        return uri

    def nothing(self, *_: object) -> None:
        return

    save = delete = drain = kill = scale = nothing


class Inline:
    """Replaces the threads that load models: a model is loaded within the call, so that the order
    of events does not depend on the speed of this machine."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        work(*arguments)

    def shutdown(self, **_: Any) -> None: ...
