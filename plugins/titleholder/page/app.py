"""The page on Airflow's API server: who may see which model, and what is known of it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

from titleholder.config import ModelConfig, kept_model
from titleholder.environment import Environment
from titleholder.errors import ConfigError
from titleholder.page.facts import Facts, Unreadable
from titleholder.page.gather import gather
from titleholder.page.render import notice, page, policy

PREFIX = "/titleholder"
# Of more models than this the page is a list, and each has a page of its own.
MANY = 8
# Whoever reloads does not ask Google again.
KEPT_SECONDS = 30
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


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

    def answer(text: str, status: int = 200, *, framed: bool = False) -> HTMLResponse:
        security = f"{policy(framed=framed)}; frame-ancestors 'self'"
        headers = HEADERS | {"Content-Security-Policy": security}
        return HTMLResponse(text, status, headers)

    @made.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> HTMLResponse:
        sign_in = f"{base_of(request)}/auth/login", "Sign in to Airflow"
        told = "This page is for users of Airflow who are signed in."
        return answer(notice("Titleholder", told, sign_in), error.status_code)

    # Not async: what it asks blocks, and FastAPI gives it a thread.
    @made.get("/", response_class=HTMLResponse)
    def models(request: Request, user: GetUserDep, model: str | None = None) -> HTMLResponse:
        now, names = datetime.now(UTC), visible(user)
        if model is not None and model not in names:
            told = f"There is no model {model!r} whose DAGs you may see."
            everything = f"{base_of(request)}{PREFIX}/", "All models"
            return answer(notice("Titleholder", told, everything), 404)
        shown = names if len(names) <= MANY else []
        shown = shown if model is None else [model]
        others = [name for name in names if name not in shown]
        found = list(_all_known(shown))
        return answer(page(found, now, base_of(request), framed=True, others=others), framed=True)

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


def kept_files(names: Iterable[str]) -> dict[str, str | None]:
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


def _all_known(names: list[str]) -> Iterable[Facts | Unreadable]:
    files = kept_files(names)
    with ThreadPoolExecutor(MANY) as threads:
        yield from threads.map(lambda name: _known(name, files.get(name)), names)


def _known(name: str, file: str | None) -> Facts | Unreadable:
    try:
        if file is None:
            raise ConfigError(
                "its DAG was read by a version of titleholder that has no page; let Airflow read "
                "the DAG anew"
            )
        return _lately()(kept_model(file))
    except ConfigError as error:
        return Unreadable(name, str(error))


@cache
def _lately() -> Callable[[ModelConfig], Facts]:
    from threading import Lock

    from cachetools import TTLCache, cached

    # The configuration, as JSON, is what it is kept by.
    @cached(TTLCache(500, KEPT_SECONDS), key=ModelConfig.model_dump_json, lock=Lock())
    def lately(config: ModelConfig) -> Facts:
        return gather(config, Environment(config.connection), datetime.now(UTC))

    return lately
