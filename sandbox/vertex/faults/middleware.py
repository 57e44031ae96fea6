"""ASGI middleware around the whole server that applies faults."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.vertex import clock
from sandbox.vertex.faults.admin import Admin
from sandbox.vertex.faults.registry import Call, FaultRegistry, faults_of_call
from sandbox.vertex.faults.rules import Fault
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.errors import ApiError
from sandbox.vertex.http.guards import refuse_web_pages, until_disconnected
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.http.routes import google_routes

_LOST: Final = 0
_INSTEAD: Final = ("answer", "drop", "hang")


class FaultMiddleware:
    """Passes calls on, applies the armed faults, and serves /sandbox/..."""

    def __init__(
        self,
        app: ASGIApp,
        names: Names,
        traffic: TrafficHistory,
        snapshots: Snapshots,
        stop_containers: Callable[[], None],
    ) -> None:
        self._app = app
        self._names = names
        self._routes = google_routes()
        self._registry = FaultRegistry()
        methods = self._routes.methods()
        self._admin = Admin(self._registry, traffic, snapshots, methods, stop_containers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request; pass on any other ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            refuse_web_pages(request)
        except ApiError:
            await self._app(scope, receive, send)  # refuses it, too
            return
        found = self._routes.match(request.method, scope["path"])
        if scope["path"].startswith("/sandbox/") and scope["path"] != clock.PATH:
            await self._serve_admin(request, send)
        elif found is None:
            await self._app(scope, receive, send)
        else:
            call, faults = self._registry.record(found[0].rpc, self._resource(request))
            await self._call(call, faults, scope, receive, send)

    async def _serve_admin(self, request: Request, send: Send) -> None:
        try:
            content, status = await self._admin.respond(request, await request.body()), 200
        except ApiError as error:
            content, status = error.body(), error.http_status
        await JSONResponse(content, status)(request.scope, request.receive, send)

    async def _call(
        self, call: Call, faults: Sequence[Fault], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if any(fault.kind == "delay" for fault in faults):
            # The call counts even if the client disconnects during the delay.
            receive = _replaying(await Request(scope, receive).body(), receive)
        status = await self._apply([f for f in faults if not f.after], scope, receive, send)
        if status is None:
            call.reached = True
            after = [fault for fault in faults if fault.after]
            messages: list[Message] = []

            async def buffer(message: Message) -> None:
                messages.append(message)

            async def pass_on(message: Message) -> None:
                call.status = message.get("status", call.status)
                await send(message)

            with faults_of_call(tuple(faults)):
                await self._app(scope, receive, buffer if after else pass_on)
            status = await self._apply(after, scope, receive, send)
            if status is None:
                for message in messages:
                    await pass_on(message)
                status = call.status or _LOST
        call.status = status

    async def _apply(
        self, faults: Sequence[Fault], scope: Scope, receive: Receive, send: Send
    ) -> int | None:
        """The status of the response that a fault sent; None if the call continues."""
        seconds = sum(fault.seconds for fault in faults if fault.kind == "delay")
        await _first(asyncio.sleep(seconds), self._registry.released.wait())
        for fault in faults:
            if fault.kind not in _INSTEAD:
                continue
            if fault.kind == "answer":
                error = fault.error()
                await JSONResponse(error.body(), error.http_status)(scope, receive, send)
                return error.http_status
            if fault.kind == "hang":
                await _first(until_disconnected(receive), self._registry.released.wait())
            await _disconnect(receive, send)
            return _LOST
        return None

    def _resource(self, request: Request) -> str:
        path: str = request.scope["path"]
        name = path.split("/", 2)[2].partition(":")[0]
        collection = name.rpartition("/")[2]
        for key, value in parse_qsl(request.url.query):
            # endpointId gives .../endpoints/ID, pipelineJobId gives .../pipelineJobs/ID.
            if value and key == f"{collection.removesuffix('s')}Id":
                name = f"{name}/{value}"
        try:
            return self._names.canonical(name)
        except ApiError:
            return name


def _replaying(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def _first(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them ends, and cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnect(receive: Receive, send: Send) -> None:
    # ASGI has no message for it. This is the outermost layer: `send` is a method of uvicorn.
    getattr(send, "__self__").transport.abort()  # noqa: B009
    await until_disconnected(receive)
