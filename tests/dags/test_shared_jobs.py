"""A pipeline job that two runs wait for is cancelled when neither waits, whichever submitted it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import LAST_MONDAY, Google, Model
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import Label, dag_run_label
from titleholder.operators.shared_jobs import CancelPipelines, waiting_and_undecided

SUBMIT, WAIT = "submit_pipeline", "wait_for_pipeline"


@pytest.mark.parametrize(
    ("submit", "wait", "expected"),
    [
        ("success", "deferred", "waiting"),
        ("success", "running", "waiting"),
        ("success", "up_for_retry", "waiting"),
        ("success", None, "waiting"),
        ("success", "success", ""),
        ("success", "failed", ""),
        ("success", "skipped", ""),
        ("running", None, "undecided"),
        ("queued", None, "undecided"),
        ("up_for_retry", None, "undecided"),
        (None, None, ""),
        ("failed", "upstream_failed", ""),
        ("skipped", "skipped", ""),
    ],
)
def test_task_states_of_runs_that_wait_for_a_job(
    submit: str | None, wait: str | None, expected: str
) -> None:
    own = {SUBMIT: "success", WAIT: "deferred"}
    waiting, undecided = waiting_and_undecided(
        {"own": own, "b": {SUBMIT: submit, WAIT: wait}}, "own", SUBMIT, WAIT
    )
    assert (waiting, undecided) == (
        ["b"] if expected == "waiting" else [],
        ["b"] if expected == "undecided" else [],
    )


@dataclass
class Runs:
    """Runs of one weekly DAG for one week, as Airflow reports them on a worker or in the DAG
    processor; their job runs in the sandbox."""

    dag: Any
    states: dict[str, dict[str, str | None]]
    returned: dict[str, dict[str, str]]
    jobs: Jobs

    def get_task_states(self, dag_id: str, task_ids: list[str]) -> Any:
        assert dag_id == self.dag.dag_id
        return {run: {task: tasks[task] for task in task_ids} for run, tasks in self.states.items()}

    def xcom_pull(self, *, run_id: str, task_ids: str, **_: Any) -> Any:
        return self.returned.get(run_id) if task_ids == SUBMIT else None

    def context(self, run: str, clear_number: int = 0) -> dict[str, Any]:
        return {
            "dag": self.dag,
            "ti": self,
            "params": {"force_retrain": False, "pipeline_version": None},
            "dag_run": SimpleNamespace(
                dag_id=self.dag.dag_id,
                run_id=run,
                data_interval_start=None,
                data_interval_end=None,
                run_after=LAST_MONDAY,
                start_date=LAST_MONDAY,  # before any of their jobs
                clear_number=clear_number,
            ),
        }

    def submit(self, run: str, generation: int = 0) -> str:
        """Submit the job with the run's label, or reuse it; the run waits for it."""
        task = self.dag.task_dict[SUBMIT]
        request = task.job_request(self.context(run, generation))
        job = self.jobs.submit(
            request.identity.name,
            task.environment.template(request.template).spec,
            request.parameters,
            {Label.RUN: dag_run_label(self.dag.dag_id, run)},
            None,
        )
        self.states[run] = {SUBMIT: "success", WAIT: "deferred"}
        self.returned[run] = {"job": job.name}
        return job.name

    def fail(self, run: str) -> None:
        """Mark the waiting task as failed; Airflow calls the failure callback."""
        self.states[run][WAIT] = "failed"
        CancelPipelines("google_cloud_default")(self.context(run))

    def clear(self, run: str) -> str:
        """Clear the run, up to the end of the submitting task."""
        self.states[run] = {SUBMIT: "running", WAIT: None}
        self.returned.pop(run, None)
        task = self.dag.task_dict[SUBMIT]
        context = self.context(run, 1)
        found, _ = task._generation(self.jobs, task.job_request(context).identity, context)
        label = dag_run_label(self.dag.dag_id, run)
        task._cancel_superseded(context, self.jobs, label, found)
        return self.submit(run, found.generation)

    def runs_on(self, job: str) -> bool:
        return self.jobs.get(job).state in ("QUEUED", "PENDING", "RUNNING")


@pytest.fixture
def runs(model: Callable[..., Model], google: Google) -> Iterator[Runs]:
    made = model(pipeline__parameters={"seconds": 300.0})
    dag = DagBag(str(DAGS_FOLDER)).dags[f"{made.name}__train"]
    yield Runs(dag, {}, {}, Jobs(Environment("google_cloud_default")))
    for job in google.jobs_of(made.name):
        google.jobs.cancel_pipeline_job(name=job.name)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_the_job_of_two_runs_outlives_the_first_failure(
    runs: Runs, first: str, second: str
) -> None:
    job = runs.submit("a")
    assert runs.submit("b") == job
    runs.fail(first)
    assert runs.runs_on(job)
    runs.fail(second)
    assert not runs.runs_on(job)


def test_the_job_of_two_runs_outlives_the_clearing_of_either(runs: Runs) -> None:
    job = runs.submit("a")
    runs.submit("b")
    second = runs.clear("a")
    assert second != job
    assert runs.runs_on(job), "b waits for it"
    assert runs.runs_on(second)
    # Now no run waits for the first job.
    assert runs.clear("b") == second
    assert not runs.runs_on(job)
    assert runs.runs_on(second)


def test_a_run_that_may_be_about_to_wait_prevents_the_cancellation(runs: Runs) -> None:
    job = runs.submit("a")
    runs.states["b"] = {SUBMIT: "running", WAIT: None}
    runs.fail("a")
    assert runs.runs_on(job)


def test_a_run_that_waits_for_another_job_does_not_prevent_the_cancellation(runs: Runs) -> None:
    job = runs.submit("a")
    runs.states["other week"] = {SUBMIT: "success", WAIT: "deferred"}
    runs.returned["other week"] = {"job": f"{job}-of-another-week"}
    runs.fail("a")
    assert not runs.runs_on(job)


def test_nothing_is_cancelled_without_the_states_of_the_runs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = runs.submit("a")

    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no API server")

    monkeypatch.setattr(Runs, "get_task_states", away)
    runs.fail("a")
    assert runs.runs_on(job)


def test_a_run_does_not_reuse_the_cancelled_job_of_another_run(runs: Runs) -> None:
    job = runs.submit("a")
    late = runs.context("b")
    runs.fail("a")
    assert runs.jobs.get(job).state in ("CANCELLING", "CANCELLED")
    task = runs.dag.task_dict[SUBMIT]
    found, known = task._generation(runs.jobs, task.job_request(late).identity, late)
    assert (found.generation, known) == (1, None)
    # The run that submitted the job reuses it, and fails.
    submitter = runs.context("a")
    found, known = task._generation(runs.jobs, task.job_request(submitter).identity, submitter)
    assert known is not None
    assert (found.generation, known.name) == (0, job)
