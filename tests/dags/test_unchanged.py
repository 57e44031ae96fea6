"""A week that was trained on already, with all the same: nothing is trained, and why is said."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import events_of
from tests.dags.real_airflow import WEEK, Airflow
from tests.dags.real_airflow import airflow as airflow
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables


def forget_jobs(made: Model, google: Google) -> None:
    """As if the week were new to Airflow: a job that is there is taken up, without training."""
    for job in google.jobs_of(made.name):
        google.jobs.delete_pipeline_job(name=job.name).result(timeout=30)


def test_skipped_unless_it_is_wanted(model: Callable[..., Model], google: Google) -> None:
    made = model()
    first = made.play()
    assert first.state == "success", first.errors
    (version,) = google.versions(made.name)
    assert version.labels["fingerprint"]
    before = google.endpoint(made.name)

    forget_jobs(made, google)
    again = made.play()
    assert again.state == "success", again.errors
    assert again.tasks == {
        "check_freshness": "success",
        **dict.fromkeys(("submit_pipeline", "wait_for_pipeline", "update_traffic"), "skipped"),
    }
    assert google.jobs_of(made.name) == []
    assert google.endpoint(made.name) == before
    last = events_of(made)[-1]
    assert last.action == "skipped_unchanged"
    assert last.reason.startswith(f"{made.name}@1 was trained on the same 1 rows of 20")
    assert "set force_retrain" in last.reason
    assert last.interval_end == LAST_MONDAY

    wanted = made.play(force_retrain=True)
    assert wanted.state == "success", wanted.errors
    assert len(google.jobs_of(made.name)) == 1


@pytest.mark.long
def test_what_is_trained_all_the_same(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    made.rewrite(score=40.0)
    for _ in range(2):  # the gate refuses, so there is no version
        assert made.play().tasks["wait_for_pipeline"] == "success"
        forget_jobs(made, google)
    made.rewrite(fail=True)
    for _ in range(2):
        assert made.play().tasks["wait_for_pipeline"] == "failed"
        forget_jobs(made, google)
    made.rewrite()
    assert made.play().tasks["update_traffic"] == "success"
    forget_jobs(made, google)
    assert made.play().tasks["submit_pipeline"] == "skipped"
    made.rewrite(score=91.0)
    assert made.play().tasks["wait_for_pipeline"] == "success"
    forget_jobs(made, google)
    made.rewrite()
    made.load(LAST_MONDAY - timedelta(minutes=5), LAST_MONDAY - timedelta(minutes=6))
    assert made.play().tasks["wait_for_pipeline"] == "success"
    forget_jobs(made, google)
    made.change("pipeline", skip_unchanged=False)
    assert made.play().tasks["wait_for_pipeline"] == "success"
    forget_jobs(made, google)
    made.change("pipeline", skip_unchanged=True)
    # As it was when version 1 was trained on it.
    made.load(LAST_MONDAY - timedelta(minutes=5))
    assert made.play().tasks["submit_pipeline"] == "skipped"

    def denied(*_: object) -> None:
        # Nobody is denied anything by the emulator.
        raise Unreadable("the table may not be read", final=True)

    monkeypatch.setattr(SourceTables, "content", denied)
    assert made.play().tasks["wait_for_pipeline"] == "success"


@pytest.mark.long
def test_a_job_that_is_there_is_taken_up(model: Callable[..., Model], google: Google) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    for anew, generation in ((False, 0), (False, 0), (True, 1)):
        run = made.play(None, force_retrain=anew)
        assert run.state == "success", run.errors
        assert run.returned["submit_pipeline"]["generation"] == generation


@pytest.mark.long
def test_reprocessed_and_cleared_under_a_real_airflow(
    model: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    run = airflow.run(dag_id)["dag_run_id"]
    path = f"/dags/{dag_id}/dagRuns/{run}"

    def over() -> bool:
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
            lambda: airflow.call("GET", f"/backfills/{made_id}")["completed_at"] and over(),
        )
        return airflow.tasks(dag_id, run)

    assert reprocess()["submit_pipeline"] == "skipped"
    assert jobs() == {"g0"}
    assert events_of(made)[-1].action == "skipped_unchanged"

    assert reprocess(force_retrain=True)["update_traffic"] == "success"
    assert jobs() == {"g0", "g2"}
