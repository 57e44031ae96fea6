"""Web pages may not call the sandbox: nothing in it asks for credentials, and whoever may write a
model may run code.

`python -m sandbox.web_pages bigquery|storage|airflow ARGUMENTS` starts the emulators and Airflow,
which know nothing of it, with this rule before them.
"""

import sys
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = "Web pages may not call the sandbox; use a client library."


def sent_for_a_page(host: str | None, origin: str | None) -> bool:
    """Whether a browser may have sent a request with these headers on behalf of a page.

    Browsers send Origin along with what a page sends elsewhere; a page that had its own name
    resolve to this machine (DNS rebinding) has that name as Host.
    """
    return origin is not None or (host or "").partition(":")[0] not in ("127.0.0.1", "localhost")


class RefuseWebPages:
    """An application behind the rule; with `own`, its own pages may call it."""

    def __init__(self, app: ASGIApp, own: bool = False) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or let the application answer."""
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host"), headers.get("origin")
            if self._own and origin == f"http://{host}":
                origin = None
            if sent_for_a_page(host, origin):
                answer = PlainTextResponse(REFUSAL, 403)
        await answer(scope, receive, send)


def _bigquery(arguments: list[str]) -> None:
    from bqemulator import server
    from bqemulator.api import create_app
    from bqemulator.cli import main

    def create_guarded_app(context: Any) -> Any:
        app = create_app(context)
        app.add_middleware(RefuseWebPages)
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
            if sent_for_a_page(self.headers.get("Host"), self.headers.get("Origin")):
                self.send_error(403, REFUSAL)
                return False
            return True

    server.RequestHandler = Guarded
    main(arguments)


def _airflow(arguments: list[str]) -> None:
    import uvicorn
    from airflow.__main__ import main

    run = uvicorn.run

    def run_guarded(_: Any, **options: Any) -> None:
        run("sandbox.web_pages:airflow_app", factory=True, **options)

    uvicorn.run = run_guarded  # type: ignore[assignment]
    sys.argv[1:] = arguments
    main()  # type: ignore[no-untyped-call]


def airflow_app() -> ASGIApp:
    """Airflow's API and UI behind the rule."""
    from airflow.api_fastapi.main import app

    return RefuseWebPages(app, own=True)


if __name__ == "__main__":
    {"bigquery": _bigquery, "storage": _storage, "airflow": _airflow}[sys.argv[1]](sys.argv[2:])
