"""A weekly DAG with a moved clock: a task that defers for five minutes resumes after ten seconds,
and its clock shows five minutes later. Otherwise it is as in dags/titleholder_dags.py.

The folder MOVED has the files `clock`, the offset in seconds, and `gate`, which ends the pipeline
job.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import DAG, CronDataIntervalTimetable

from titleholder.config.loader import load_model
from titleholder.operators.base import SHORTEST_DEFERRAL, utc_now
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.operators.pipeline import SubmitPipelineOperator, WaitForPipelineOperator
from titleholder.operators.update_traffic import UpdateTrafficOperator

FOLDER = Path(os.environ["MOVED"])
CLOCK, BEGUN, GATE = FOLDER / "clock", FOLDER / "begun", FOLDER / "gate"
PIPELINE = timedelta(minutes=30)


def moved() -> datetime:
    """The present time with the offset."""
    by = float(CLOCK.read_text()) if CLOCK.exists() else 0.0
    return utc_now() + timedelta(seconds=by)


class Waiting(WaitForPipelineOperator):
    """Waits as usual, with every deferral cut to the shortest."""

    def defer_for(self, span: timedelta, **kwargs: Any) -> NoReturn:
        """Move the clock by the time that is cut; end the job when it is half an hour old."""
        if not BEGUN.exists():
            BEGUN.write_text(moved().isoformat())
        cut = max(span, SHORTEST_DEFERRAL) - SHORTEST_DEFERRAL
        CLOCK.write_text(str((moved() - utc_now() + cut).total_seconds()))
        age = moved() + SHORTEST_DEFERRAL - datetime.fromisoformat(BEGUN.read_text())
        if age >= PIPELINE:
            GATE.touch()
        super().defer_for(SHORTEST_DEFERRAL, **kwargs)


config = load_model(Path(__file__).parent / "moved.yaml")
with DAG(
    dag_id="moved",
    schedule=CronDataIntervalTimetable(config.schedule.cron, timezone="UTC"),
    start_date=datetime(2026, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"force_retrain": False, "pipeline_version": None},
) as dag:
    (
        CheckFreshnessOperator(task_id="check_freshness", config=config)
        >> SubmitPipelineOperator(task_id="submit_pipeline", config=config)
        >> Waiting(task_id="wait_for_pipeline", config=config, clock=moved)
        >> UpdateTrafficOperator(task_id="update_traffic", config=config)
    )
