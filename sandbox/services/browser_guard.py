"""Refuses web pages: the sandbox checks no credentials, and a stored model can run any code."""

from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = "Web pages may not call the sandbox; use a client library, or type the address."


class Headers(Protocol):
    """The headers of a request, by case-insensitive names."""

    def get(self, name: str, /) -> str | None:
        """The value of the first header of that name, or None."""


def is_browser_request(
    method: str, headers: Headers, own: bool = False, linked: bool = False
) -> bool:
    """Whether a browser may have sent the request for a web page; with `own`, for a page of
    another origin; with `linked`, in another way than by a link that a user follows.

    Browsers send Origin with most cross-origin requests, and Sec-Fetch-Site also with those of
    images, scripts, links and no-cors requests (https://www.w3.org/TR/fetch-metadata/). A typed
    address or a bookmark is a navigation with Sec-Fetch-Site: none, which may read. A page whose
    domain resolves to this machine (DNS rebinding) has its domain as Host, which can be none of
    Google's: those come through the gateway.
    """
    host, origin, site = (headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
    if (host or "").partition(":")[0] not in ("127.0.0.1", "localhost") and not is_google_host(
        host
    ):
        return True
    if origin is not None and not (own and origin == f"http://{host}"):
        return True
    if site == "none" or (linked and headers.get("sec-fetch-dest") == "document"):
        return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"
    # Client libraries send none of these headers.
    return site is not None and not (own and site == "same-origin")


def is_google_host(host: str | None) -> bool:
    """Whether a request's Host is one of Google's: the client calls it by https, through the
    gateway."""
    return (host or "").partition(":")[0].lower().endswith(".googleapis.com")


class BrowserGuard:
    """ASGI middleware that refuses web pages, except with `own` the application's own pages, and
    with `linked` links to it."""

    def __init__(self, app: ASGIApp, own: bool = False, linked: bool = False) -> None:
        self._app = app
        self._own = own
        self._linked = linked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with 403, or pass the request on."""
        app: ASGIApp = self._app
        if scope["type"] in ("http", "websocket"):
            request = HTTPConnection(scope)
            if is_google_host(request.headers.get("host")):
                scope["scheme"] = "https"  # as the client sees it, for addresses in responses
            method = scope.get("method", "GET")
            if is_browser_request(method, request.headers, self._own, self._linked):
                app = PlainTextResponse(REFUSAL, 403)
        await app(scope, receive, send)
