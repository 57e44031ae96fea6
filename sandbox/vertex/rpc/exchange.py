"""One HTTP request to an ASGI application in this process."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from sandbox.vertex.rpc.transcoding import HttpRequest

_LIMIT: Final = 16  # messages of a response that wait for their reader


class ConnectionLost(Exception):
    """The application ended the connection, or failed, before its response was complete."""


class Exchange:
    """A request and its response, which is read while it is being sent:

        async with Exchange(app, request, host) as exchange:
            status, headers = await exchange.head()
            async for chunk in exchange.body(): ...

    Leaving the block earlier is a disconnected client. `head` and `body` raise ConnectionLost.
    """

    def __init__(self, app: ASGIApp, request: HttpRequest, host: str) -> None:
        self._app = app
        self._request = request
        self._host = host
        self._responses: asyncio.Queue[Message | None] = asyncio.Queue(_LIMIT)
        self._requests: list[Message] = [{"type": "http.request", "body": request.body}]
        self._gone = asyncio.Event()

    async def __aenter__(self) -> "Exchange":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gone.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def transport(self) -> "Exchange":
        """What uvicorn's protocol has, for the fault that ends a connection."""
        return self

    def abort(self) -> None:
        """End the connection."""
        self._gone.set()
        self._task.cancel()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers, whose names are in lower case."""
        message = await self._next()
        headers = {name.decode(): value.decode() for name, value in message["headers"]}
        return message["status"], headers

    async def body(self) -> AsyncIterator[bytes]:
        """The chunks of the body, after `head`."""
        more = True
        while more:
            message = await self._next()
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def _next(self) -> Message:
        message = await self._responses.get()
        if message is None:
            raise ConnectionLost
        return message

    async def _run(self) -> None:
        try:
            await self._app(self._scope(), self._receive, self._send)
            await self._responses.put(None)  # after what the reader has not yet read
        except BaseException:
            while not self._responses.empty():
                self._responses.get_nowait()
            self._responses.put_nowait(None)
            raise

    def _scope(self) -> dict[str, object]:
        request = self._request
        headers = {"host": self._host, "content-type": request.content_type}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "2",
            "method": request.method,
            "scheme": "http",
            "path": unquote(request.path),
            "raw_path": request.path.encode(),
            "query_string": request.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": None,
            "server": None,
        }

    async def _receive(self) -> Message:
        if self._requests:
            return self._requests.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._responses.put(message)
