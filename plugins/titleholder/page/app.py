"""The page on Airflow's API server: who may see which model, and what is known of it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar

from titleholder.config.loader import model_from_json
from titleholder.errors import ConfigError
from titleholder.gcp.environment import Environment
from titleholder.page.cache import ReadingCache
from titleholder.page.collect import ask
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.render import notice, page, policy

PREFIX = "/titleholder"
# Of more models than this the page is a list, and each has a page of its own.
MANY = 8
# The page's own threads, so that it never takes those by which the server answers anything else:
# for Airflow's database and the HTML, and for Google, which may hang, two for each model of a page.
AIRFLOW_THREADS, GOOGLE_THREADS = 4, 2 * MANY
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

T = TypeVar("T")


def base_of(request: Any) -> str:
    """The path under which Airflow is reached, "" for the root."""
    return str(request.scope.get("root_path", "")).removesuffix(PREFIX)


@cache
def app() -> Any:
    """The FastAPI application: one page, for signed-in users, of the models whose two DAGs they may
    see."""
    from airflow.api_fastapi.core_api.security import GetUserDep
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import HTMLResponse

    made = FastAPI(title="Titleholder", docs_url=None, redoc_url=None, openapi_url=None)
    own = ThreadPoolExecutor(AIRFLOW_THREADS, thread_name_prefix="titleholder-airflow")
    google = ThreadPoolExecutor(GOOGLE_THREADS, thread_name_prefix="titleholder-google")
    readings = ReadingCache(
        lambda config, now: ask(config, Environment(config.connection), now, google),
        lambda: datetime.now(UTC),
    )

    async def by_thread(do: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(own, do, *arguments)

    def answer(text: str, status: int = 200, *, framed: bool = False) -> HTMLResponse:
        security = f"{policy(framed=framed)}; frame-ancestors 'self'"
        headers = HEADERS | {"Content-Security-Policy": security}
        return HTMLResponse(text, status, headers)

    @made.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> HTMLResponse:
        sign_in = f"{base_of(request)}/auth/login", "Sign in to Airflow"
        told = "This page is for users of Airflow who are signed in."
        return answer(notice("Titleholder", told, sign_in), error.status_code)

    # Async, as FastAPI would give it a thread of the server's else, for as long as Google takes.
    @made.get("/", response_class=HTMLResponse)
    async def models(request: Request, user: GetUserDep, model: str | None = None) -> HTMLResponse:
        names = await by_thread(visible, user)
        if model is not None and model not in names:
            told = f"There is no model {model!r} whose DAGs you may see."
            everything = f"{base_of(request)}{PREFIX}/", "All models"
            return answer(notice("Titleholder", told, everything), 404)
        shown = names if len(names) <= MANY else []
        shown = shown if model is None else [model]
        others = [name for name in names if name not in shown]
        files = await by_thread(serialized_models, shown)
        found = await asyncio.gather(*(_known(readings, name, files.get(name)) for name in shown))
        write = partial(_written, found, base_of(request), others)
        return answer(await by_thread(write), framed=True)

    return made


def visible(user: Any) -> list[str]:
    """The models, by name, of which that user of Airflow may see both DAGs."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    allowed = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    with create_session() as session:
        there = set(session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale)))
    names = {one.removesuffix("__rollout") for one in there & allowed if one.endswith("__rollout")}
    return sorted(name for name in names if f"{name}__train" in there & allowed)


def serialized_models(names: Iterable[str]) -> dict[str, str | None]:
    """The files of those models as JSON, as Airflow keeps them with their rollout DAGs; None for a
    DAG that has none."""
    from airflow.models.serialized_dag import SerializedDagModel

    found = {}
    for kept in SerializedDagModel.get_latest_serialized_dags(
        dag_ids=[f"{name}__rollout" for name in names]
    ):
        task = kept.dag.task_dict.get("observe")
        found[kept.dag_id.removesuffix("__rollout")] = getattr(task, "model_file", None)
    return found


def runs_there(found: Iterable[ModelFacts | Unreadable]) -> set[str]:
    """The dag runs that the events of these name and that this Airflow has, as `<dag id>/<run id>`.
    It lacks those that were deleted, and those of another Airflow or of `dag.test()`."""
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
    asked = select(DagRun.dag_id, DagRun.run_id).where(
        DagRun.dag_id.in_(dags), DagRun.run_id.in_(runs)
    )
    with create_session() as session:
        return {f"{dag_id}/{run_id}" for dag_id, run_id in session.execute(asked)}


def _written(found: Sequence[ModelFacts | Unreadable], base: str, others: Sequence[str]) -> str:
    runs = runs_there(found)
    return page(found, datetime.now(UTC), base, runs=runs, framed=True, others=others)


async def _known(readings: ReadingCache, name: str, file: str | None) -> ModelFacts | Unreadable:
    try:
        if file is None:
            raise ConfigError(
                "its DAG was read by a version of titleholder that has no page; let Airflow read "
                "the DAG anew"
            )
        return await readings.facts(model_from_json(file))
    except ConfigError as error:
        return Unreadable(name, str(error))
