"""A pipeline job that two runs wait for ends when neither does: whoever submitted it, whoever fails
or is cleared."""

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
from titleholder.operators.cancel_callback import CancelPipelines
from titleholder.operators.shared_jobs import waiting_and_undecided

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
def test_who_waits_for_a_job(submit: str | None, wait: str | None, expected: str) -> None:
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
    """Runs of one model's weekly DAG over one week, as Airflow tells of them on a worker or in the
    DAG processor; their job runs in the sandbox."""

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
            "params": {"force_retrain": False, "pipeline": None},
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
        """The job, with this run's label, or the one that is there; the run waits for it."""
        task = self.dag.task_dict[SUBMIT]
        order = task.order(self.context(run, generation))
        job = self.jobs.submit(
            order.run.name,
            task.environment.template(order.template).spec,
            order.parameters,
            {Label.RUN: dag_run_label(self.dag.dag_id, run)},
            None,
        )
        self.states[run] = {SUBMIT: "success", WAIT: "deferred"}
        self.returned[run] = {"job": job.name}
        return job.name

    def fail(self, run: str) -> None:
        """As a person does who marks the waiting task as failed, with what Airflow does then."""
        self.states[run][WAIT] = "failed"
        CancelPipelines("google_cloud_default")(self.context(run))

    def clear(self, run: str) -> str:
        """As a person does, up to the end of the submitting task."""
        self.states[run] = {SUBMIT: "running", WAIT: None}
        self.returned.pop(run, None)
        task = self.dag.task_dict[SUBMIT]
        context = self.context(run, 1)
        found, _ = task._generation(self.jobs, task.order(context).run, context)
        label = dag_run_label(self.dag.dag_id, run)
        task._cancel_left_behind(context, self.jobs, label, found)
        return self.submit(run, found.generation)

    def goes_on(self, job: str) -> bool:
        return self.jobs.get(job).state in ("QUEUED", "PENDING", "RUNNING")


@pytest.fixture
def runs(model: Callable[..., Model], google: Google) -> Iterator[Runs]:
    made = model(pipeline__parameters={"seconds": 300.0})
    dag = DagBag(str(DAGS_FOLDER)).dags[f"{made.name}__train"]
    yield Runs(dag, {}, {}, Jobs(Environment("google_cloud_default")))
    for job in google.jobs_of(made.name):
        google.jobs.cancel_pipeline_job(name=job.name)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_the_job_of_two_runs_outlives_the_first_that_fails(
    runs: Runs, first: str, second: str
) -> None:
    job = runs.submit("a")
    assert runs.submit("b") == job
    runs.fail(first)
    assert runs.goes_on(job)
    runs.fail(second)
    assert not runs.goes_on(job)


def test_the_job_of_two_runs_outlives_the_clearing_of_either(runs: Runs) -> None:
    job = runs.submit("a")
    runs.submit("b")
    anew = runs.clear("a")
    assert anew != job
    assert runs.goes_on(job), "b waits for it"
    assert runs.goes_on(anew)
    # Now no run waits for the first one.
    assert runs.clear("b") == anew
    assert not runs.goes_on(job)
    assert runs.goes_on(anew)


def test_a_run_that_may_be_about_to_wait_keeps_the_job(runs: Runs) -> None:
    job = runs.submit("a")
    runs.states["b"] = {SUBMIT: "running", WAIT: None}
    runs.fail("a")
    assert runs.goes_on(job)


def test_a_job_of_another_week_is_no_reason_to_keep_this_one(runs: Runs) -> None:
    job = runs.submit("a")
    runs.states["other week"] = {SUBMIT: "success", WAIT: "deferred"}
    runs.returned["other week"] = {"job": f"{job}-of-another-week"}
    runs.fail("a")
    assert not runs.goes_on(job)


def test_nothing_is_cancelled_where_airflow_does_not_say_who_waits(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = runs.submit("a")

    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no API server")

    monkeypatch.setattr(Runs, "get_task_states", away)
    runs.fail("a")
    assert runs.goes_on(job)


def test_a_run_that_comes_too_late_for_a_cancelled_job_starts_the_next(runs: Runs) -> None:
    job = runs.submit("a")
    late = runs.context("b")
    runs.fail("a")
    assert runs.jobs.get(job).state in ("CANCELLING", "CANCELLED")
    task = runs.dag.task_dict[SUBMIT]
    found, known = task._generation(runs.jobs, task.order(late).run, late)
    assert (found.generation, known) == (1, None)
    # The run that submitted it looks at its own job, and says how it ended.
    mine = runs.context("a")
    found, known = task._generation(runs.jobs, task.order(mine).run, mine)
    assert known is not None
    assert (found.generation, known.name) == (0, job)
