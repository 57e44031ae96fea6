"""Guards: no requests of web pages, no other machines, no work for disconnected clients."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import Receive

from sandbox.services.browser_guard import REFUSAL, is_browser_request
from sandbox.vertex.http.errors import PermissionDenied

T = TypeVar("T")


def refuse_web_pages(request: Request) -> None:
    """Raise PermissionDenied for a request that a browser may have sent for a web page."""
    if is_browser_request(request.method, request.headers):
        raise PermissionDenied(REFUSAL)


def require_loopback(variable: str, url: str, reason: str) -> str:
    """`url`, the value of `variable`; raises ValueError unless it is http:// on loopback."""
    host = urlsplit(url)
    if host.scheme != "http" or host.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(
            f"{variable} is {url!r}; it must be a service of the sandbox, such as "
            f"http://127.0.0.1:9023, because {reason}."
        )
    return url


async def until_disconnected(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`; if the client disconnects first, cancel it and return None.

    The body of the request must have been read.
    """
    task, disconnected = asyncio.create_task(work), asyncio.create_task(until_disconnected(receive))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        disconnected.cancel()
        await asyncio.gather(task, disconnected, return_exceptions=True)
