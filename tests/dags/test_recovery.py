"""Failures during a run: a later attempt makes no second job, version or deployment, and the error
is one sentence where a person has to act."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from tests.dags.conftest import LAST_MONDAY, Google, Model, deploy_champion
from titleholder.data_intervals import last_complete
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.operators import update_traffic
from titleholder.reconciler import engine as reconcile
from titleholder.rollout.view import View

WEEK = timedelta(weeks=1)


class WorkerDied(Exception):
    """Raised in the place of a killed worker."""


def test_a_retry_after_a_lost_worker_finds_the_job(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    real, calls = Jobs.submit, []

    def submit_and_die(self: Jobs, *arguments: Any) -> Any:
        calls.append(real(self, *arguments))
        if len(calls) == 1:
            raise WorkerDied
        return calls[-1]

    monkeypatch.setattr(Jobs, "submit", submit_and_die)
    run = made.run(retries=1)
    assert run.state == "success", run.errors
    assert len(calls) == 2
    assert calls[0].name == calls[1].name
    assert len(google.jobs_of(made.name)) == 1


def test_a_worker_that_dies_after_every_step_reaches_the_same_state(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    deploy_champion(google, made, LAST_MONDAY - WEEK)
    made.set_parameters()
    real, done = Endpoints.apply, []

    def apply_and_die(self: Endpoints, step: Any, *arguments: Any) -> Any:
        real(self, step, *arguments)
        done.append(type(step).__name__)
        raise WorkerDied

    monkeypatch.setattr(Endpoints, "apply", apply_and_die)
    run = made.run(retries=7)
    assert run.state == "success", run.errors
    # The champion was deployed by hand: it is recorded first.
    assert done == ["Register", "SetTraffic", "Deploy", "SetTraffic", "Alias", "Alias"]
    endpoint = google.endpoint(made.name)
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    assert dict(endpoint.traffic_split) == {champion: 90, challenger: 10}
    assert len(endpoint.deployed_models) == 2
    assert len(google.versions(made.name)) == 2


def test_a_task_defers_during_a_long_operation(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "INLINE_WAIT", timedelta(0))
    deferred = []
    real = update_traffic.UpdateTrafficOperator.defer_for

    def defer(self: Any, span: timedelta, **kwargs: Any) -> None:
        deferred.append(span)
        real(self, span, **kwargs)

    monkeypatch.setattr(update_traffic.UpdateTrafficOperator, "defer_for", defer)
    made = model()
    run = made.run()
    assert run.state == "success", run.errors
    assert deferred
    assert len(google.endpoint(made.name).deployed_models) == 1


def test_a_stale_view_is_observed_again(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    real, stale = Endpoints.observe, []

    def observe(self: Endpoints, *arguments: Any) -> View:
        view = real(self, *arguments)
        if view.deployed_models and not stale:
            stale.append(view)
            return replace(view, etag="of-another-caller")
        return view

    monkeypatch.setattr(Endpoints, "observe", observe)
    run = made.run()
    assert run.state == "success", run.errors
    assert stale
    assert sum(google.endpoint(made.name).traffic_split.values()) == 100


def test_a_model_that_cannot_be_loaded(model: Callable[..., Model], google: Google) -> None:
    made = model()
    deploy_champion(google, made, LAST_MONDAY - WEEK)
    before = google.endpoint(made.name)
    made.set_parameters(corrupt=True)
    run = made.run()
    error = run.errors["update_traffic"]
    assert "Vertex AI could not deploy" in error
    assert "Model server exited unexpectedly" in error
    assert f"live traffic now goes 100 % to {made.name}@1 (champion)" in error
    assert google.endpoint(made.name).traffic_split == before.traffic_split
    assert google.endpoint(made.name).deployed_models == before.deployed_models


def test_a_failed_job_of_another_run_is_not_reused(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    made.load(last_complete("0 3 * * 1", datetime.now(UTC)).end - timedelta(minutes=5))
    made.set_parameters(fail=True)
    assert made.run(None).tasks["wait_for_pipeline"] == "failed"
    made.set_parameters(fail=False)
    run = made.run(None)
    assert run.state == "success", run.errors
    assert run.returned["submit_pipeline"]["generation"] == 1
    names = sorted(job.name.rsplit("-", 1)[-1] for job in google.jobs_of(made.name))
    assert names == ["g0", "g1"]


def test_a_pipeline_that_takes_too_long_is_cancelled(
    model: Callable[..., Model], google: Google
) -> None:
    made = model(pipeline__timeout="1s")
    made.set_parameters(seconds=300)
    run = made.run()
    error = run.errors["wait_for_pipeline"]
    assert "ran longer than pipeline.timeout 0:00:01 and was cancelled" in error
    assert "clear submit_pipeline with what follows it" in error
    (job,) = google.jobs_of(made.name)
    assert job.state.name in ("PIPELINE_STATE_CANCELLING", "PIPELINE_STATE_CANCELLED")


def test_a_cancelled_pipeline_is_no_success(model: Callable[..., Model], google: Google) -> None:
    made = model()
    made.set_parameters(seconds=300)

    def cancel_once_it_exists() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if jobs := google.jobs_of(made.name):
                google.jobs.cancel_pipeline_job(name=jobs[0].name)
                return
            time.sleep(0.2)

    canceller = threading.Thread(target=cancel_once_it_exists)
    canceller.start()
    run = made.run()
    canceller.join()
    assert run.tasks["wait_for_pipeline"] == "failed"
    assert "was cancelled, so there is no new model" in run.errors["wait_for_pipeline"]
    assert google.endpoint(made.name) is None


def test_a_task_marked_as_successful_by_hand_has_no_result(model: Callable[..., Model]) -> None:
    run = model().run(mark_success="submit_pipeline")
    error = run.errors["wait_for_pipeline"]
    assert "the task submit_pipeline left no result for wait_for_pipeline; clear" in error


def test_a_view_can_be_the_source(model: Callable[..., Model]) -> None:
    made = model()
    view = bigquery.Table(f"{made.table}_view")
    view.view_query = f"SELECT * FROM `{made.table}`"
    made.tables.create_table(view)
    other = model(source__table=f"tests.{made.name}_view")
    run = other.run()
    assert run.returned["check_freshness"]["outcome"] == "fresh", run.errors
