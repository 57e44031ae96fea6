"""Four tasks that do nothing, each on a worker: what Airflow itself costs."""

from datetime import datetime

from airflow.sdk import dag, task


@task
def nothing() -> None:
    """Nothing."""


@dag(dag_id="empty", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False)
def empty() -> None:
    """One after the other, as the weekly DAG's four."""
    first, second, third, fourth = (nothing.override(task_id=f"t{n}")() for n in range(4))
    first >> second >> third >> fourth


empty()
