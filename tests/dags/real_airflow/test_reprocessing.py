"""A backfill that runs a week with unchanged rows again, and one that forces the training."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.dags.conftest import Google, Model
from tests.dags.contested import events_of
from tests.dags.real_airflow.client import WEEK, Airflow


@pytest.mark.long
def test_reprocessing_backfills_under_a_real_airflow(
    model: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    run = airflow.run(dag_id)["dag_run_id"]
    path = f"/dags/{dag_id}/dagRuns/{run}"

    def ended() -> bool:
        return airflow.call("GET", path)["state"] in ("success", "failed")

    def jobs() -> set[str]:
        return {job.name.rpartition("-")[2] for job in google.jobs_of(made.name)}

    def reprocess(**conf: object) -> dict[str, str]:
        """The tasks of the same run after a backfill cleared it."""
        backfill = {
            "dag_id": dag_id,
            "from_date": WEEK.start.isoformat(),
            "to_date": WEEK.start.isoformat(),
            "reprocess_behavior": "completed",
            "dag_run_conf": conf,
        }
        made_id = airflow.call("POST", "/backfills", backfill)["id"]
        airflow.wait(
            "the end of a backfill",
            lambda: airflow.call("GET", f"/backfills/{made_id}")["completed_at"] and ended(),
        )
        return airflow.tasks(dag_id, run)

    assert reprocess()["submit_pipeline"] == "skipped"
    assert jobs() == {"g0"}
    assert events_of(made)[-1].action == "skipped_unchanged"

    assert reprocess(force_retrain=True)["update_traffic"] == "success"
    assert jobs() == {"g0", "g2"}
