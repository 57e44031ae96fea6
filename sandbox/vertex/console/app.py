"""Serves the pages at /console.

Any page may link to them, as Airflow's UI and alerts do: they change nothing, run no script, and
cannot be framed or read by another page.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.services.browser_guard import BrowserGuard
from sandbox.vertex.console.objects import Objects
from sandbox.vertex.console.pages import STYLE, Pages
from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import ApiError

PATH: Final = "/console"
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# An object is someone's file: whatever it is, it runs no script and loads nothing.
_OBJECT_HEADERS: Final = _HEADERS | {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "frame-ancestors 'none'"
    )
}


def create_console(context: Context, pages: Pages, objects: Objects) -> BrowserGuard:
    """The ASGI application to mount at PATH."""

    def respond(render: Callable[..., str]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(page, render, request)

        return endpoint

    def page(render: Callable[..., str], request: Request) -> Response:
        context.operations.settle()
        project = request.query_params.get("project", context.names.project)
        try:
            found = render(project=project, **request.path_params)
        except ApiError as error:
            return HTMLResponse(pages.notice(str(error)), error.http_status, _HEADERS)
        return HTMLResponse(found, headers=_HEADERS)

    def task_log(request: Request) -> Response:
        project = request.query_params.get("project", context.names.project)
        try:
            path = pages.log_path(query=request.path_params["query"], project=project)
        except ApiError as error:
            return HTMLResponse(pages.notice(str(error)), error.http_status, _HEADERS)
        return RedirectResponse(f"{PATH}{path}", headers=_HEADERS)

    def stored(request: Request) -> Response:
        try:
            content, kind = objects.read(**request.path_params)
        except ApiError as error:
            return HTMLResponse(pages.notice(str(error)), error.http_status, _HEADERS)
        return Response(content, media_type=kind, headers=_OBJECT_HEADERS)

    place = "/vertex-ai/locations/{location}"
    app = Starlette(
        routes=[
            Route("/", respond(pages.overview)),
            Route(place + "/pipelines/runs/{job}", respond(pages.pipeline_job)),
            Route(place + "/pipelines/runs/{job}/tasks/{task}", respond(pages.task)),
            Route(place + "/pipelines/schedules/{schedule}", respond(pages.schedule)),
            Route(place + "/endpoints/{endpoint}", respond(pages.endpoint)),
            Route(
                place + "/endpoints/{endpoint}/deployed-models/{deployed}/logs",
                respond(pages.server_logs),
            ),
            Route(
                "/vertex-ai/models/locations/{location}/models/{model}/versions/{version}"
                "/properties",
                respond(pages.version),
            ),
            Route("/logs/{query:path}", task_log),
            Route("/storage/{bucket}/{name:path}", stored),
            Route(
                "/{path:path}",
                lambda _: HTMLResponse(pages.notice("There is no such page."), 404, _HEADERS),
            ),
        ]
    )
    return BrowserGuard(app, linked=True)
