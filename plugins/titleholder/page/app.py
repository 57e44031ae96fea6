"""The page on Airflow's API server: which models a user may see, and what is known of them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar

from titleholder.config.loader import model_from_json
from titleholder.errors import ConfigError
from titleholder.gcp.environment import Environment
from titleholder.page.airflow_database import (
    dag_states,
    existing_runs,
    serialized_models,
    visible,
)
from titleholder.page.cache import FactsCache
from titleholder.page.collect import start_reading
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.render import notice, page, policy

PREFIX = "/titleholder"
# With more models than this the page is the overview, and each section a page of its own; with
# more than MAX_ROWS, which all are read for the overview, the rest is a list of names.
MAX_SECTIONS, MAX_ROWS = 8, 60
# The page has threads of its own, so that it never takes those of the rest of the server: for
# Airflow's database and the HTML, and for Google, which may hang, two for each section of a page.
AIRFLOW_THREADS, GOOGLE_THREADS = 4, 2 * MAX_SECTIONS
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

T = TypeVar("T")


def base_of(request: Any) -> str:
    """The path of Airflow's UI, "" for the root."""
    return str(request.scope.get("root_path", "")).removesuffix(PREFIX)


@cache
def app() -> Any:
    """The FastAPI application: one page, for signed-in users, of the models whose two DAGs they may
    see."""
    from airflow.api_fastapi.core_api.security import GetUserDep
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import HTMLResponse

    application = FastAPI(title="Titleholder", docs_url=None, redoc_url=None, openapi_url=None)
    local = ThreadPoolExecutor(AIRFLOW_THREADS, thread_name_prefix="titleholder-airflow")
    google = ThreadPoolExecutor(GOOGLE_THREADS, thread_name_prefix="titleholder-google")
    cache = FactsCache(
        lambda config, now: start_reading(config, Environment(config.connection), now, google),
        lambda: datetime.now(UTC),
    )

    async def in_thread(do: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(local, do, *arguments)

    def respond(text: str, status: int = 200, *, framed: bool = False) -> HTMLResponse:
        security = f"{policy(framed=framed)}; frame-ancestors 'self'"
        headers = HEADERS | {"Content-Security-Policy": security}
        return HTMLResponse(text, status, headers)

    @application.exception_handler(HTTPException)
    async def sign_in(request: Request, error: HTTPException) -> HTMLResponse:
        link = f"{base_of(request)}/auth/login", "Sign in to Airflow"
        text = "This page is for users of Airflow who are signed in."
        return respond(notice("Titleholder", text, link), error.status_code)

    # Async, as FastAPI would otherwise hold a thread of the server for as long as Google takes.
    @application.get("/", response_class=HTMLResponse)
    async def models(request: Request, user: GetUserDep, model: str | None = None) -> HTMLResponse:
        names = await in_thread(visible, user)
        if model is not None and model not in names:
            text = f"There is no model {model!r} whose DAGs you may see."
            link = f"{base_of(request)}{PREFIX}/", "All models"
            return respond(notice("Titleholder", text, link), 404)
        shown = names[:MAX_ROWS] if model is None else [model]
        files = await in_thread(serialized_models, shown)
        found = await asyncio.gather(*(_facts(cache, name, files.get(name)) for name in shown))
        render = partial(
            _render,
            found,
            user,
            base_of(request),
            detailed=len(shown) <= MAX_SECTIONS,
            others=names[MAX_ROWS:] if model is None else None,
        )
        return respond(await in_thread(render), framed=True)

    return application


def _render(found: Sequence[ModelFacts | Unreadable], user: Any, base: str, **options: Any) -> str:
    return page(
        found,
        datetime.now(UTC),
        base,
        runs=existing_runs(found),
        dags=dag_states([one.model for one in found], user),
        framed=True,
        **options,
    )


async def _facts(cache: FactsCache, name: str, file: str | None) -> ModelFacts | Unreadable:
    try:
        if file is None:
            raise ConfigError(
                "its DAG was parsed by a version of titleholder without a page; let Airflow parse "
                "the DAG again"
            )
        return await cache.facts(model_from_json(file))
    except ConfigError as error:
        return Unreadable(name, str(error))
