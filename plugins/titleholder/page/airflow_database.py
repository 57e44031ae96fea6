"""What Airflow's database and auth manager know of the models' DAGs. Airflow is imported inside
functions, as `titleholder report` needs none of it."""

from collections.abc import Iterable
from typing import Any

from titleholder.page.dag_runs import DagRun, DagState, Task
from titleholder.page.facts import ModelFacts, Unreadable


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
    those that were deleted, nor those of another Airflow."""
    from airflow.models.dagrun import DagRun as Row
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
    query = select(Row.dag_id, Row.run_id).where(Row.dag_id.in_(dags), Row.run_id.in_(runs))
    with create_session() as session:
        return {f"{dag_id}/{run_id}" for dag_id, run_id in session.execute(query)}


def dag_states(names: Iterable[str], user: Any) -> dict[str, DagState]:
    """Both DAGs of these models by DAG id: their present runs, and what this user may do."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ids = [f"{name}__{kind}" for name in names for kind in ("train", "rollout")]
    with create_session() as session:
        query = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(ids))
        paused = {dag_id for dag_id, is_paused in session.execute(query) if is_paused}
        runs = _present_runs(session, ids)
    return {
        dag_id: DagState(tuple(runs.get(dag_id, ())), dag_id in paused, _may_trigger(dag_id, user))
        for dag_id in ids
    }


def _may_trigger(dag_id: str, user: Any) -> bool:
    """Whether Airflow's API accepts a dag run by this user: the check of its route."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import (
        DagAccessEntity,
        DagDetails,
    )

    return get_auth_manager().is_authorized_dag(
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=dag_id),
        user=user,
    )


def _present_runs(session: Any, ids: list[str]) -> dict[str, list[DagRun]]:
    """By DAG id: the unfinished runs, oldest first, then the one that finished last."""
    from airflow.models.dagrun import DagRun as Row
    from sqlalchemy import and_, func, or_, select

    of_models = Row.dag_id.in_(ids)
    # Without a window function over every run that Airflow keeps.
    last = (
        select(Row.dag_id, func.max(Row.end_date).label("end_date"))
        .where(of_models, Row.state.in_(("success", "failed")))
        .group_by(Row.dag_id)
        .subquery()
    )
    query = (
        select(
            Row.dag_id,
            Row.run_id,
            Row.state,
            Row.end_date,
            Row.start_date,
            Row.queued_at,
            Row.run_after,
            Row.data_interval_start,
            Row.data_interval_end,
            Row.conf,
        )
        .outerjoin(last, and_(last.c.dag_id == Row.dag_id, last.c.end_date == Row.end_date))
        .where(of_models, or_(Row.state.in_(("queued", "running")), last.c.end_date.is_not(None)))
        .order_by(Row.end_date.is_not(None), Row.queued_at, Row.id)
    )
    rows = session.execute(query).all()
    ids_of_runs = {(dag_id, run_id) for dag_id, run_id, *_ in rows}
    tasks, jobs = _tasks(session, ids_of_runs), _jobs(session, ids_of_runs)
    found: dict[str, list[DagRun]] = {}
    for dag_id, run_id, state, ended, started, queued, *times in rows:
        # A run that is cleared keeps the end of its last time until it starts again.
        since = ended if state in ("success", "failed") else started or queued
        key = dag_id, run_id
        run = DagRun(
            run_id, str(state), since, tuple(tasks.get(key, ())), jobs.get(key, {}), *times
        )
        found.setdefault(dag_id, []).append(run)
    return found


def _tasks(session: Any, runs: set[tuple[str, str]]) -> dict[tuple[str, str], list[Task]]:
    from airflow.models.taskinstance import TaskInstance as Row
    from sqlalchemy import select

    if not runs:
        return {}
    query = select(
        Row.dag_id,
        Row.run_id,
        Row.task_id,
        Row.state,
        Row.start_date,
        Row.try_number,
        Row.max_tries,
    ).where(
        Row.dag_id.in_({dag_id for dag_id, _ in runs}),
        Row.run_id.in_({run_id for _, run_id in runs}),
        Row.state.is_not(None),
    )
    found: dict[tuple[str, str], list[Task]] = {}
    for dag_id, run_id, task_id, state, since, attempt, retries in session.execute(query):
        task = Task(task_id, str(state), since, attempt, retries + 1)
        found.setdefault((dag_id, run_id), []).append(task)
    return found


def _jobs(session: Any, runs: set[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """By run: the pipeline jobs in the results of the tasks that submitted them."""
    from airflow.models.xcom import XComModel as Row
    from sqlalchemy import select

    if not runs:
        return {}
    query = select(Row.dag_id, Row.run_id, Row.task_id, Row.value).where(
        Row.dag_id.in_({dag_id for dag_id, _ in runs}),
        Row.run_id.in_({run_id for _, run_id in runs}),
        Row.task_id.in_(("submit_pipeline", "submit_duel", "submit_watch")),
        Row.key == "return_value",
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in session.execute(query):
        result = Row.deserialize_value(row)
        if isinstance(result, dict) and isinstance(result.get("job"), str):
            found.setdefault((row.dag_id, row.run_id), {})[row.task_id] = result["job"]
    return found
