"""Dispatches HTTP requests to the methods of services."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.monitoring.errors import MetricError
from sandbox.vertex import clock as clock_path
from sandbox.vertex.clock import MovableClock
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.context import Context
from sandbox.vertex.http.bodies import read_body, require_declared, require_json, unpack
from sandbox.vertex.http.errors import (
    ApiError,
    Internal,
    InvalidArgument,
    NotFound,
    Unimplemented,
)
from sandbox.vertex.http.guards import refuse_web_pages, while_connected
from sandbox.vertex.http.routes import Route, google_routes, other_routes
from sandbox.vertex.http.transcode import read_request, write_response
from sandbox.vertex.prediction.raw_responses import RawReply, RawStream
from sandbox.vertex.prediction.service import Prediction

_LOG: Final = logging.getLogger(__name__)
_Result = bytes | RawReply | RawStream
_METRIC_ERRORS: Final = {kind.status: kind for kind in (InvalidArgument, NotFound, Unimplemented)}
# Not in Google's client library: its high-level SDK builds this path (Endpoint.invoke).
_INVOKE: Final = re.compile(
    r"/v1/(?P<endpoint>projects/[^/]+/locations/[^/]+/endpoints/[^/:]+)"
    r"(?:/deployedModels/(?P<deployed>[^/]+))?/invoke(?P<path>/.*)"
)


class Dispatcher:
    """The ASGI application of all APIs: one method of one of the services for each request."""

    def __init__(
        self,
        services: list[Any],
        prediction: Prediction,
        context: Context,
        clock: MovableClock,
        start_runs: Callable[[], object],
    ) -> None:
        """`start_runs` starts the runs of schedules that are due, before a method is called."""
        self._services = services
        self._prediction = prediction
        self._context = context
        self._clock = clock
        self._start_runs = start_runs
        self._routes = google_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            refuse_web_pages(request)
            if scope["path"] == "/healthz":
                await Response("ok", media_type="text/plain")(scope, receive, send)
                return
            body = await read_body(request)
            called = await run_in_threadpool(self._call, request, body)
            result: _Result | None = called if isinstance(called, bytes) else None
            if not isinstance(called, bytes):
                result = await while_connected(receive, called)
        except ApiError as error:
            content, status = _render(error), error.http_status
        except ClientDisconnect:
            return
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, scope["path"])
            internal = Internal(f"The sandbox failed: {error!r}; its log has the traceback.")
            content, status = _render(internal), internal.http_status
        else:
            if isinstance(result, RawReply | RawStream):
                await while_connected(receive, result.send(send))
                return
            content, status = result or b"", 200
        response = Response(content, status, media_type="application/json")
        await response(scope, receive, send)

    def _call(self, request: Request, body: bytes) -> bytes | Coroutine[Any, Any, _Result]:
        path, host = request.scope["path"], request.headers.get("host", "")
        kind = request.headers.get("content-type", "")
        body = unpack(body, request.headers.get("content-encoding"))
        if path == clock_path.PATH:
            return clock_path.respond(self._clock, request.method, body)
        # The container gets the rest of the path, and the query, as they were sent.
        if invoked := _INVOKE.fullmatch(request.scope["raw_path"].decode("ascii")):
            self._context.operations.settle()
            require_declared(kind)
            endpoint = self._context.names.canonical(unquote(invoked["endpoint"]))
            deployed, rest = unquote(invoked["deployed"] or ""), invoked["path"]
            if request.url.query:
                rest += f"?{request.url.query}"
            return self._prediction.invoke(endpoint, deployed, rest, body, kind, host)
        found = self._routes.match(request.method, path)
        found = found or cloud_routes().match(request.method, path)
        known = found is not None
        found = found or other_routes().match(request.method, path)
        if found is None:
            raise _no_route(request.method, path)
        route, variables = found
        variables = {
            field: self._context.names.canonical(value) for field, value in variables.items()
        }
        if not known:
            raise _unimplemented(route)
        self._context.operations.settle()
        if route.rpc in ("raw_predict", "stream_raw_predict"):
            require_declared(kind)
            predict = getattr(self._prediction, route.rpc)
            return predict(variables["endpoint"], body, kind, host)  # type: ignore[no-any-return]
        method = None if route.rpc == "predict" else self._method(route)
        if route.body is not None:
            require_json(kind, body)
        if method is None:
            return self._prediction.predict(variables["endpoint"], body, host)
        self._start_runs()
        query = parse_qsl(request.url.query, keep_blank_values=True)
        try:
            result = method(read_request(route, variables, query, body))
        except MetricError as error:
            raise _METRIC_ERRORS[error.status](error.message) from error
        # A method that waits is a coroutine, which keeps no thread busy.
        if isawaitable(result):
            return _write_later(result, query)
        return write_response(result, query)

    def _method(self, route: Route) -> Callable[[Any], Any]:
        for service in self._services:
            method = getattr(service, route.rpc, None)
            if method is not None:
                return method  # type: ignore[no-any-return]
        raise _unimplemented(route)


async def _write_later(result: Awaitable[Any], query: Sequence[tuple[str, str]]) -> bytes:
    return write_response(await result, query)


def _unimplemented(route: Route) -> ApiError:
    return Unimplemented(
        f"{route.service}.{route.rpc} is a method of Google's that the sandbox does not have; "
        "use the real service for it."
    )


def _no_route(http_method: str, path: str) -> ApiError:
    version = path.split("/")[1]
    if version == "sandbox":
        return NotFound("Faults are off; start the sandbox with --faults.")
    if version.startswith("v1") and version != "v1":
        return Unimplemented(
            f"The API version {version} is not in the sandbox, which has v1; use v1 clients."
        )
    return NotFound(
        f"Method not found: Vertex AI v1 has no {http_method} {path}; correct the method or path."
    )


def _render(error: ApiError) -> bytes:
    return json.dumps(error.body()).encode()
