"""A gRPC channel for Google's own clients that ends in this process, and stops actors."""

import re
from collections.abc import Callable
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.protobuf import empty_pb2

from sandbox.vertex.http.errors import ApiError
from tests.titleholder.reconciler.actors import Dropped, intercept

CODES = {code.value[0]: code for code in grpc.StatusCode}


class FakeChannel:
    """A channel to `vertex`, with one client of each kind: making one takes longer than many
    calls."""

    vertex: Any

    def __init__(self) -> None:
        self.endpoints = self._client(aiplatform_v1.EndpointServiceClient)
        self.models = self._client(aiplatform_v1.ModelServiceClient)

    def client(self, kind: Any) -> Any:
        """Replaces titleholder.gcp.vertex.clients.make_client."""
        return self.endpoints if kind is aiplatform_v1.EndpointServiceClient else self.models

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any] | None,
        _registered_method: bool,
    ) -> "Method":
        """The method of grpc.Channel."""
        name = re.sub(r"(?<=.)(?=[A-Z])", "_", path.rpartition("/")[2]).lower()
        return Method(self, name, request_serializer, response_deserializer)

    def _client(self, kind: Any) -> Any:
        transport = kind.get_transport_class("grpc")
        credentials = AnonymousCredentials()
        return kind(transport=transport(channel=lambda *_, **__: self, credentials=credentials))


class Method:
    """A grpc.UnaryUnaryMultiCallable; client and server have message objects of their own."""

    def __init__(self, channel: FakeChannel, name: str, write: Any, read: Any) -> None:
        self._channel, self._name = channel, name
        self._write, self._read = write, read

    def with_call(self, request: Any, **_: Any) -> tuple[Any, None]:
        parse = type(request).FromString if hasattr(request, "FromString") else None
        parse = parse or type(request).deserialize
        received = parse(self._write(request))
        try:
            response = intercept(
                self._name, received, lambda: self._channel.vertex.answer(self._name, received)
            )
        except ApiError as error:
            raise Failed(CODES[error.code], error.message) from None
        except Dropped as dropped:
            raise Failed(grpc.StatusCode.UNAVAILABLE, str(dropped)) from None
        response = empty_pb2.Empty() if response is None else response
        message = response
        if not hasattr(response, "SerializeToString"):
            message = type(response).pb(response)
        return self._read(message.SerializeToString()) if self._read else None, None


class Failed(grpc.RpcError):
    """An answer with an error, as grpc raises it."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self._code, self._message = code, message

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> None:
        return None

    def result(self) -> None:
        raise self
