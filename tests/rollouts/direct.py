"""The local Vertex AI without a server around it: ninety-nine in a hundred parts of what a call
over HTTP costs are the way there and back.

Google's own clients speak to it as they do to Google, with a gRPC channel that ends in this
process. It answers in the caller's thread, one caller at a time.
"""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.protobuf import empty_pb2

from sandbox.vertex.app import PROJECT_NUMBER
from sandbox.vertex.context import Context, Durations
from sandbox.vertex.endpoints.deployments import DeploymentService
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.service import EndpointService
from sandbox.vertex.errors import ApiError
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.models.service import ModelService
from sandbox.vertex.models.uploads import UploadService
from sandbox.vertex.names import Names
from sandbox.vertex.operations.lifecycle import Operations
from sandbox.vertex.operations.service import OperationService
from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.store import Store
from tests.rollouts.actors import Dropped, calling
from tests.sandbox.conftest import PROJECT, HandClock

CODES = {code.value[0]: code for code in grpc.StatusCode}


class DirectVertex:
    """One local Vertex AI, in memory; `traffic` are the splits that were ever live."""

    def __init__(self, channel: "Channel") -> None:
        self.clock = HandClock()
        store = Store(Path(":memory:"))
        operations = Operations(store, self.clock)
        durations = Durations(deploy=12, undeploy=3, other=1)
        context = Context(store, self.clock, Names(PROJECT, PROJECT_NUMBER), operations, durations)
        serving = Serving(store, Anything(), random.Random(0), PROJECT)  # type: ignore[arg-type]

        def changed(name: str) -> None:
            serving.forget(name)
            self.traffic.remember(name)

        endpoints = EndpointRecords(context, changed)
        models = ModelRecords(context, endpoints, serving.forget_all)
        self.traffic = TrafficHistory(store, self.clock, serving.loaded)
        self._store, self._operations = store, operations
        self._services: list[Any] = [
            EndpointService(context, endpoints),
            DeploymentService(context, endpoints, models, serving),
            ModelService(context, models),
            UploadService(context, models),
            OperationService(operations),
        ]
        channel.vertex = self
        self.endpoints, self.models = channel.endpoints, channel.models

    def answer(self, method: str, request: Any) -> Any:
        """As the server does; raises ApiError."""
        self._operations.settle()
        found = next(one for one in self._services if hasattr(one, method))
        return getattr(found, method)(request)

    def close(self) -> None:
        self._operations.close()
        self._store.close()


class Anything:
    """In place of the models in the storage, which nobody asks here: there is one everywhere."""

    def load(self, *_: str) -> "Anything":
        return self

    def predict(self, instances: Any) -> Any:
        return instances


class Channel:
    """To the Vertex AI that is on, with one client of each kind: to make them takes longer than
    many calls."""

    vertex: DirectVertex

    def __init__(self) -> None:
        self.endpoints = self._client(aiplatform_v1.EndpointServiceClient)
        self.models = self._client(aiplatform_v1.ModelServiceClient)

    def client(self, kind: Any) -> Any:
        """In place of titleholder.vertex.clients.client."""
        return self.endpoints if kind is aiplatform_v1.EndpointServiceClient else self.models

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any] | None,
        _registered_method: bool,
    ) -> "Method":
        """As a grpc.Channel has it."""
        name = re.sub(r"(?<=.)(?=[A-Z])", "_", path.rpartition("/")[2]).lower()
        return Method(self, name, request_serializer, response_deserializer)

    def _client(self, kind: Any) -> Any:
        made = kind.get_transport_class("grpc")
        credentials = AnonymousCredentials()
        return kind(transport=made(channel=lambda *_, **__: self, credentials=credentials))


class Method:
    """One method, as a grpc.UnaryUnaryMultiCallable has it; each side has messages of its own."""

    def __init__(self, channel: Channel, name: str, write: Any, read: Any) -> None:
        self._channel, self._name = channel, name
        self._write, self._read = write, read

    def with_call(self, request: Any, **_: Any) -> tuple[Any, None]:
        mine = type(request).FromString if hasattr(request, "FromString") else None
        mine = mine or type(request).deserialize
        asked = mine(self._write(request))
        try:
            said = calling(
                self._name, asked, lambda: self._channel.vertex.answer(self._name, asked)
            )
        except ApiError as error:
            raise Failed(CODES[error.code], error.message) from None
        except Dropped as dropped:
            raise Failed(grpc.StatusCode.UNAVAILABLE, str(dropped)) from None
        said = empty_pb2.Empty() if said is None else said
        plain = said if hasattr(said, "SerializeToString") else type(said).pb(said)
        return self._read(plain.SerializeToString()) if self._read else None, None


class Failed(grpc.RpcError):
    """An answer with an error, as grpc raises it."""

    def __init__(self, code: grpc.StatusCode, said: str) -> None:
        super().__init__(said)
        self._code, self._said = code, said

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._said

    def trailing_metadata(self) -> None:
        return None

    def result(self) -> None:
        raise self
