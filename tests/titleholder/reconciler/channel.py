"""Google's own clients speak to a local Vertex AI as they do to Google, with a gRPC channel; but
the channel ends in this process, and stops actors."""

import re
from collections.abc import Callable
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.protobuf import empty_pb2

from sandbox.vertex.http.errors import ApiError
from tests.titleholder.reconciler.actors import Dropped, calling

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Channel:
    """To the Vertex AI that is on, with one client of each kind: to make them takes longer than
    many calls."""

    vertex: Any

    def __init__(self) -> None:
        self.endpoints = self._client(aiplatform_v1.EndpointServiceClient)
        self.models = self._client(aiplatform_v1.ModelServiceClient)

    def client(self, kind: Any) -> Any:
        """In place of titleholder.gcp.vertex.clients.client."""
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
