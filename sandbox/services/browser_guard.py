"""Refuses web pages: the sandbox checks no credentials, and a stored model can run any code.

`python -m sandbox.services.browser_guard bigquery|storage|airflow ARGUMENTS` starts an emulator or
Airflow behind this guard.
"""

import json
import re
import sys
from functools import lru_cache
from typing import Any, Protocol

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
    domain resolves to this machine (DNS rebinding) has its domain as Host.
    """
    host, origin, site = (headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
    if (host or "").partition(":")[0] not in ("127.0.0.1", "localhost"):
        return True
    if origin is not None and not (own and origin == f"http://{host}"):
        return True
    if site == "none" or (linked and headers.get("sec-fetch-dest") == "document"):
        return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"
    # Client libraries send none of these headers.
    return site is not None and not (own and site == "same-origin")


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
            method = scope.get("method", "GET")
            if is_browser_request(method, request.headers, self._own, self._linked):
                app = PlainTextResponse(REFUSAL, 403)
        await app(scope, receive, send)


def _bigquery(arguments: list[str]) -> None:
    import sqlglot
    from bqemulator import server
    from bqemulator.api import create_app
    from bqemulator.cli import main

    def create_guarded_app(context: Any) -> Any:
        app = create_app(context)
        app.add_middleware(BrowserGuard)
        return app

    server.create_app = create_guarded_app  # type: ignore[attr-defined]
    # The emulator parses a statement seventeen times, which takes half of its time.
    parse = lru_cache(maxsize=256)(sqlglot.parse_one)
    sqlglot.parse_one = lambda *given, **options: parse(*given, **options).copy()
    main(arguments, prog_name="bqemulator")


class _CompactJson:
    """`json` for the emulator of Cloud Storage, which writes the metadata of all objects after each
    change: Python's fast encoder does not indent."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value: object, indent: int) -> str:
        return json.dumps(value)


def _storage(arguments: list[str]) -> None:
    from gcp_storage_emulator import server, storage
    from gcp_storage_emulator.__main__ import main

    class Guarded(server.RequestHandler):  # type: ignore[misc]
        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            if is_browser_request(self.command, self.headers):
                self.send_error(403, REFUSAL)
                return False
            return True

    server.RequestHandler = Guarded
    storage.json = _CompactJson
    # A GET of it deletes all data, and Google's service has no such path.
    server.HANDLERS = tuple(
        handler for handler in server.HANDLERS if not re.fullmatch(handler[0], "/wipe")
    )
    main(arguments)


def _airflow(arguments: list[str]) -> None:
    import uvicorn
    from airflow.__main__ import main

    run = uvicorn.run

    def run_guarded(_: Any, **options: Any) -> None:
        run("sandbox.services.browser_guard:airflow_app", factory=True, **options)

    uvicorn.run = run_guarded  # type: ignore[assignment]
    sys.argv[1:] = arguments
    main()  # type: ignore[no-untyped-call]


def airflow_app() -> ASGIApp:
    """Airflow's API and UI behind the guard."""
    from airflow.api_fastapi.main import app

    return BrowserGuard(app, own=True)


if __name__ == "__main__":
    {"bigquery": _bigquery, "storage": _storage, "airflow": _airflow}[sys.argv[1]](sys.argv[2:])
