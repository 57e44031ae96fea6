"""The gRPC server: it runs in the event loop of the HTTP server, while that serves."""

import json
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import grpc
from google.protobuf.json_format import ParseError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.state import LOOPBACK
from sandbox.vertex.http.bodies import LARGEST_BODY
from sandbox.vertex.http.errors import ApiError, Internal, Unavailable, Unimplemented
from sandbox.vertex.http.routes import Route
from sandbox.vertex.rpc.exchange import ConnectionLost, Exchange
from sandbox.vertex.rpc.transcoding import grpc_response, http_request

_LOG: Final = logging.getLogger(__name__)
_STREAMS: Final = frozenset(("stream_raw_predict", "server_streaming_predict"))
# After uvicorn's five: ten seconds after SIGTERM the process is killed.
_GRACE_SECONDS: Final = 2.0
_LONGEST_HEADER: Final = 6_000
_LARGE: Final = 50_000
_CODES: Final = {code.name: code for code in grpc.StatusCode}
_OPTIONS: Final = (
    # Of the message, where REST has it of the JSON; a number takes up to 11 bytes.
    ("grpc.max_receive_message_length", LARGEST_BODY + 65_536),
    ("grpc.max_send_message_length", -1),
    # Another server that listens on the port must be noticed, not share it.
    ("grpc.so_reuseport", 0),
)


class GrpcFrontEnd:
    """ASGI middleware around the whole application, which also serves it over gRPC.

    The server listens on loopback from the application's start to its end. `routes` are the
    methods that it has; any other is UNIMPLEMENTED. `host` is the Host of the requests that it
    makes of calls. The application's start raises OSError for a port that is in use.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[Route], port: int, host: str) -> None:
        self._app = app
        self._port = port
        self._host = host
        self._methods: dict[str, dict[tuple[str, str], Route]] = {}
        for route in routes:
            known = self._methods.setdefault(route.grpc, {})
            known.setdefault((route.http_method, route.uri), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start and stop with the application; pass on everything else."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((_Handlers(self),))

        async def start_first(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                try:
                    server.add_insecure_port(f"{LOOPBACK}:{self._port}")
                except RuntimeError as error:
                    text = f"gRPC cannot listen on {LOOPBACK}:{self._port}: {error}"
                    await send({"type": "lifespan.startup.failed", "message": text})
                    return
                await server.start()
            await send(message)

        async def stop_first() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await server.stop(_GRACE_SECONDS)
            return message

        await self._app(scope, stop_first, start_first)

    def handler(self, path: str) -> grpc.RpcMethodHandler:
        """The handler of a method, as `grpc` wants it."""
        known = self._methods.get(path)
        routes = list(known.values()) if known else []

        async def answer_one(data: bytes, context: Any) -> bytes:
            async with self._answered(path, routes, data, context) as (headers, exchange):
                body = b"".join([chunk async for chunk in exchange.body()])
                if len(body) > _LARGE:
                    return await run_in_threadpool(grpc_response, routes[0], headers, body)
                return grpc_response(routes[0], headers, body)

        async def answer_many(data: bytes, context: Any) -> AsyncIterator[bytes]:
            async with self._answered(path, routes, data, context) as (headers, exchange):
                async for chunk in exchange.body():
                    yield grpc_response(routes[0], headers, chunk)

        if routes and routes[0].rpc in _STREAMS:
            return grpc.unary_stream_rpc_method_handler(answer_many)
        return grpc.unary_unary_rpc_method_handler(answer_one)

    @asynccontextmanager
    async def _answered(
        self, path: str, routes: list[Route], data: bytes, context: Any
    ) -> AsyncIterator[tuple[dict[str, str], Exchange]]:
        """The headers of a successful response, and its exchange; any other ends the call."""
        try:
            if not routes:
                raise _unknown(path)
            # A large message takes up to a second, in which the server must go on.
            request = (
                await run_in_threadpool(http_request, routes, data)
                if len(data) > _LARGE
                else http_request(routes, data)
            )
            async with Exchange(self._app, request, self._host) as exchange:
                status, headers = await exchange.head()
                if status >= 400:
                    body = b"".join([chunk async for chunk in exchange.body()])
                    error = json.loads(body)["error"]
                    await _abort(context, error["status"], error["message"])
                yield headers, exchange
        except ConnectionLost:
            lost = Unavailable("The connection was lost; repeat the call.")
            await _abort(context, lost.status, lost.message)
        except ApiError as error:
            await _abort(context, error.status, error.message)
        except (ParseError, ValueError, KeyError) as error:
            _LOG.exception("%s failed", path)
            failed = Internal(f"The sandbox failed: {error!r}; see its log.")
            await _abort(context, failed.status, failed.message)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, front_end: GrpcFrontEnd) -> None:
        self._front_end = front_end

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._front_end.handler(details.method)


async def _abort(context: Any, status: str, message: str) -> None:
    # It is sent in a header, percent-encoded: of one above 8 kB clients get another error.
    if len(quote(message)) > _LONGEST_HEADER:
        message = message.encode()[: _LONGEST_HEADER // 3].decode("utf-8", "ignore") + " …"
    await context.abort(_CODES[status], message)


def _unknown(path: str) -> ApiError:
    service, _, method = path.removeprefix("/").rpartition("/")
    return Unimplemented(
        f"{service}.{method} is not in the sandbox; use the real service for it, and v1 where this "
        "is another version of Vertex AI."
    )
