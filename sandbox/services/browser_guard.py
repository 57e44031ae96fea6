"""Web pages may not call the sandbox: nothing in it asks for credentials, and whoever may write a
model may run code.

`python -m sandbox.services.browser_guard bigquery|storage|airflow ARGUMENTS` starts an emulator or
Airflow with this rule before it.
"""

import re
import sys
from typing import Any, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = "Web pages may not call the sandbox; use a client library, or type the address."


class Headers(Protocol):
    """The headers of a request, by names in any case."""

    def get(self, name: str, /) -> str | None:
        """The value of the first header of that name, None when there is none."""


def is_browser_request(method: str, headers: Headers, own: bool = False) -> bool:
    """Whether a browser may have sent a request with these headers on behalf of a page; with
    `own`, of a page from elsewhere.

    Browsers send Origin along with most of what a page sends elsewhere, and Sec-Fetch-Site also
    with its images, scripts, links and no-cors requests (https://www.w3.org/TR/fetch-metadata/).
    What a person typed or has as a bookmark is a navigation with Sec-Fetch-Site: none, which may
    read. A page that had its own name resolve to this machine (DNS rebinding) has that name as
    Host.
    """
    host, origin, site = (headers.get(one) for one in ("host", "origin", "sec-fetch-site"))
    if (host or "").partition(":")[0] not in ("127.0.0.1", "localhost"):
        return True
    if origin is not None and not (own and origin == f"http://{host}"):
        return True
    if site == "none":
        return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"
    # Client libraries send none of these headers.
    return site is not None and not (own and site == "same-origin")


class BrowserGuard:
    """An application behind the rule; with `own`, its own pages may call it."""

    def __init__(self, app: ASGIApp, own: bool = False) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or let the application answer."""
        answer: ASGIApp = self._app
        if scope["type"] in ("http", "websocket"):
            request = HTTPConnection(scope)
            if is_browser_request(scope.get("method", "GET"), request.headers, self._own):
                answer = PlainTextResponse(REFUSAL, 403)
        await answer(scope, receive, send)


def _bigquery(arguments: list[str]) -> None:
    from bqemulator import server
    from bqemulator.api import create_app
    from bqemulator.cli import main

    def create_guarded_app(context: Any) -> Any:
        app = create_app(context)
        app.add_middleware(BrowserGuard)
        return app

    server.create_app = create_guarded_app  # type: ignore[attr-defined]
    main(arguments, prog_name="bqemulator")


def _storage(arguments: list[str]) -> None:
    from gcp_storage_emulator import server
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
    # It deletes all that there is, by GET, and Google's service has no such path.
    server.HANDLERS = tuple(one for one in server.HANDLERS if not re.fullmatch(one[0], "/wipe"))
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
    """Airflow's API and UI behind the rule."""
    from airflow.api_fastapi.main import app

    return BrowserGuard(app, own=True)


if __name__ == "__main__":
    {"bigquery": _bigquery, "storage": _storage, "airflow": _airflow}[sys.argv[1]](sys.argv[2:])
