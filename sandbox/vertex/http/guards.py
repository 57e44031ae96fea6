"""Who calls: web pages, which may not, and callers who leave before they are answered."""

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
    """Raise PermissionDenied for a request that a browser may have sent for a page."""
    if is_browser_request(request.method, request.headers):
        raise PermissionDenied(REFUSAL)


def require_loopback(variable: str, url: str, why: str) -> str:
    """`url`, the value of that variable; ValueError unless it is http:// on a loopback address."""
    host = urlsplit(url)
    if host.scheme != "http" or host.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(
            f"{variable} is {url!r}; it must be the sandbox's own, such as http://127.0.0.1:9023, "
            f"because {why}."
        )
    return url


async def until_disconnected(receive: Receive) -> None:
    """Come back when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` comes to; None when the caller hangs up first, and then it is given up.

    The request's body must have been read.
    """
    task, gone = asyncio.create_task(work), asyncio.create_task(until_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)
