"""A week with unchanged rows, template and parameters is not trained again."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import events_of
from tests.dags.real_airflow.client import WEEK
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.operators import pipeline


def delete_jobs(made: Model, google: Google) -> None:
    """Delete the jobs, which a run would reuse."""
    for job in google.jobs_of(made.name):
        google.jobs.delete_pipeline_job(name=job.name).result(timeout=30)


def test_skipped_unless_retraining_is_forced(model: Callable[..., Model], google: Google) -> None:
    made = model()
    first = made.run()
    assert first.state == "success", first.errors
    (version,) = google.versions(made.name)
    assert version.labels["fingerprint"]
    before = google.endpoint(made.name)

    delete_jobs(made, google)
    again = made.run()
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

    forced = made.run(force_retrain=True)
    assert forced.state == "success", forced.errors
    assert len(google.jobs_of(made.name)) == 1


@pytest.mark.long
def test_reasons_to_train_again(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    made.set_parameters(score=40.0)
    for _ in range(2):  # under the gate: no version is registered
        assert made.run().tasks["wait_for_pipeline"] == "success"
        delete_jobs(made, google)
    made.set_parameters(fail=True)
    for _ in range(2):
        assert made.run().tasks["wait_for_pipeline"] == "failed"
        delete_jobs(made, google)
    made.set_parameters()
    assert made.run().tasks["update_traffic"] == "success"
    delete_jobs(made, google)
    assert made.run().tasks["submit_pipeline"] == "skipped"
    made.set_parameters(score=91.0)
    assert made.run().tasks["wait_for_pipeline"] == "success"
    delete_jobs(made, google)
    made.set_parameters()
    made.load(LAST_MONDAY - timedelta(minutes=5), LAST_MONDAY - timedelta(minutes=6))
    assert made.run().tasks["wait_for_pipeline"] == "success"
    delete_jobs(made, google)
    made.configure("pipeline", skip_unchanged=False)
    assert made.run().tasks["wait_for_pipeline"] == "success"
    delete_jobs(made, google)
    made.configure("pipeline", skip_unchanged=True)
    # The rows of version 1.
    made.load(LAST_MONDAY - timedelta(minutes=5))
    assert made.run().tasks["submit_pipeline"] == "skipped"

    def denied(*_: object) -> None:
        # The emulator has no permissions.
        raise Unreadable("the table may not be read", final=True)

    monkeypatch.setattr(SourceTables, "content", denied)
    assert made.run().tasks["wait_for_pipeline"] == "success"


@pytest.mark.long
def test_an_existing_job_is_reused(model: Callable[..., Model], google: Google) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    for force, generation in ((False, 0), (False, 0), (True, 1)):
        run = made.run(None, force_retrain=force)
        assert run.state == "success", run.errors
        assert run.returned["submit_pipeline"]["generation"] == generation


def test_an_update_of_an_asset_trains_other_rows_only(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(gate__min_score=95)  # the model scores 90
    made.load(WEEK.end - timedelta(minutes=5))
    assert made.run(None).tasks["update_traffic"] == "skipped"
    monkeypatch.setattr(pipeline, "_started_by_asset", lambda _: True)
    again = made.run(None)
    assert again.tasks["submit_pipeline"] == "skipped"
    (job,) = google.jobs_of(made.name)
    assert events_of(made)[-1].evidence["job"] == job.name
    made.load(WEEK.end - timedelta(minutes=4))
    assert made.run(None).tasks["wait_for_pipeline"] == "success"
    assert made.run(None).tasks["submit_pipeline"] == "skipped"
    assert len(google.jobs_of(made.name)) == 2
