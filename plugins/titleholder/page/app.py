"""The page on Airflow's API server: which models a user may see, and what is known of them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar

from titleholder.config.loader import model_from_json
from titleholder.errors import ConfigError
from titleholder.gcp.environment import Environment
from titleholder.page.cache import FactsCache
from titleholder.page.collect import start_reading
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.render import notice, page, policy

PREFIX = "/titleholder"
# With more models than this the page is a list, and each model has a page of its own.
MAX_MODELS = 8
# The page has threads of its own, so that it never takes those of the rest of the server: for
# Airflow's database and the HTML, and for Google, which may hang, two for each model of a page.
AIRFLOW_THREADS, GOOGLE_THREADS = 4, 2 * MAX_MODELS
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
        shown = names if len(names) <= MAX_MODELS else []
        shown = shown if model is None else [model]
        others = [name for name in names if name not in shown]
        files = await in_thread(serialized_models, shown)
        found = await asyncio.gather(*(_facts(cache, name, files.get(name)) for name in shown))
        render = partial(_render, found, base_of(request), others)
        return respond(await in_thread(render), framed=True)

    return application


def visible(user: Any) -> list[str]:
    """The names of the models of which this user of Airflow may see both DAGs."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    allowed = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    with create_session() as session:
        current = session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale))
        dags = allowed.intersection(current)
    names = {one.removesuffix("__rollout") for one in dags if one.endswith("__rollout")}
    return sorted(name for name in names if f"{name}__train" in dags)


def serialized_models(names: Iterable[str]) -> dict[str, str | None]:
    """The files of these models as JSON, which Airflow keeps with their rollout DAGs; None for a
    DAG without one."""
    from airflow.models.serialized_dag import SerializedDagModel

    found = {}
    for serialized in SerializedDagModel.get_latest_serialized_dags(
        dag_ids=[f"{name}__rollout" for name in names]
    ):
        task = serialized.dag.task_dict.get("observe")
        found[serialized.dag_id.removesuffix("__rollout")] = getattr(task, "model_file", None)
    return found


def existing_runs(found: Iterable[ModelFacts | Unreadable]) -> set[str]:
    """The dag runs in the models' events that this Airflow has, as `<dag id>/<run id>`: neither
    those that were deleted, nor those of another Airflow or of `dag.test()`."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    named = {
        tuple(event.run.split("/", 1))
        for one in found
        if isinstance(one, ModelFacts)
        for event in one.events or ()
        if "/" in event.run
    }
    if not named:
        return set()
    dags, runs = (set(part) for part in zip(*named, strict=True))
    query = select(DagRun.dag_id, DagRun.run_id).where(
        DagRun.dag_id.in_(dags), DagRun.run_id.in_(runs)
    )
    with create_session() as session:
        return {f"{dag_id}/{run_id}" for dag_id, run_id in session.execute(query)}


def _render(found: Sequence[ModelFacts | Unreadable], base: str, others: Sequence[str]) -> str:
    runs = existing_runs(found)
    return page(found, datetime.now(UTC), base, runs=runs, framed=True, others=others)


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
