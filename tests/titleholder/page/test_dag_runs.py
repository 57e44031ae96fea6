"""The present runs in words, and which of them wait for a person."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.titleholder.page.model_sections import CONFIG, JOB, NOW
from titleholder.data_intervals import Interval
from titleholder.page.dag_runs import DagRun, DagState, Task, overdue_text, run_lines

AGO = NOW - timedelta(minutes=5)


def running(*tasks: tuple[str, str]) -> DagRun:
    """A running dag run whose tasks have these states."""
    made = tuple(Task(task_id, state, AGO, 1, 3) for task_id, state in tasks)
    return DagRun("r", "running", NOW - timedelta(hours=1), made)


@pytest.mark.parametrize(
    ("task", "state", "condition", "text"),
    [
        ("check_freshness", "deferred", "waits", "waits for data"),
        ("check_freshness", "running", "runs", "runs check_freshness"),
        ("wait_for_pipeline", "deferred", "waits", "waits for the pipeline"),
        # A worker that looks whether the pipeline has ended.
        ("wait_for_pipeline", "queued", "waits", "waits for the pipeline"),
        ("wait_for_pipeline", "running", "waits", "waits for the pipeline"),
        ("wait_for_duel", "deferred", "waits", "waits for the duel"),
        ("approve", "awaiting_input", "waits", "waits for an approval"),
        ("update_traffic", "deferred", "waits", "waits for an operation on the endpoint"),
        ("update_traffic", "running", "runs", "runs update_traffic"),
        ("submit_pipeline", "scheduled", "queued", "starts submit_pipeline"),
        ("observe", "up_for_retry", "retries", "observe failed, attempt 2 of 3 follows"),
    ],
)
def test_what_a_run_waits_for(task: str, state: str, condition: str, text: str) -> None:
    done = ("check_freshness", "success"), ("decide", "skipped")
    (line,) = run_lines("m", {"m__train": DagState((running(*done, (task, state)),))})
    assert (line.condition, line.text, line.since) == (condition, text, AGO)
    assert line.run == "m__train/r"
    assert line.needs_approval == (task == "approve")
    assert line.trains


def test_runs_without_a_present_task() -> None:
    between = running(("observe", "success"))
    queued, failed = DagRun("q", "queued", AGO), DagRun("f", "failed", AGO)
    broken = DagRun("f", "failed", AGO, (Task("decide", "failed", AGO, 3, 3),))
    dags = {
        "m__train": DagState((queued, failed), paused=True),
        "m__rollout": DagState((between, queued, broken, DagRun("s", "success", AGO))),
    }
    lines = run_lines("m", dags)
    assert [(one.run.split("/")[0], one.text) for one in lines] == [
        ("m__train", "is queued: the DAG is paused"),
        ("m__train", "failed"),
        ("m__rollout", "runs"),
        ("m__rollout", "is queued"),
        ("m__rollout", "failed in decide"),
        ("m__rollout", "succeeded"),
    ]
    assert [one.trains for one in lines] == [True, False, False, False, False, False]
    assert run_lines("other", dags) == []


END = datetime(2026, 11, 23, 3, tzinfo=UTC)
WEEK = Interval(END - timedelta(weeks=1), END)


@pytest.mark.parametrize("times", [(WEEK.start, WEEK.end), (None, None), (NOW, NOW)])
def test_a_run_that_waits_for_data_says_until_when(times: tuple[datetime, datetime]) -> None:
    run = DagRun(
        "r", "running", AGO, (Task("check_freshness", "deferred", AGO, 1, 3),), {}, NOW, *times
    )
    (line,) = run_lines("linnerud", {"linnerud__train": DagState((run,))}, CONFIG)
    # A run without an interval of its own trains on the last complete one.
    assert line.interval == WEEK
    assert line.until == END + CONFIG.source.freshness.timeout


def test_a_run_that_waits_for_a_pipeline_names_the_job() -> None:
    tasks = Task("submit_pipeline", "success", AGO, 1, 3), Task("observe", "success", AGO, 1, 3)
    waits = Task("wait_for_pipeline", "deferred", AGO, 1, 3)
    run = DagRun("r", "running", AGO, (*tasks, waits), {"submit_pipeline": JOB}, NOW)
    (line,) = run_lines("linnerud", {"linnerud__train": DagState((run,))}, CONFIG)
    assert (line.job, line.until, line.interval) == (JOB, None, WEEK)
    rollout = DagRun("r", "running", AGO, (waits,), {"submit_duel": JOB}, NOW)
    (line,) = run_lines("linnerud", {"linnerud__rollout": DagState((rollout,))}, CONFIG)
    assert (line.job, line.interval) == ("", None)


def test_what_became_of_an_interval_without_an_event() -> None:
    def text(state: str, *tasks: tuple[str, str], paused: bool = False) -> str:
        made = tuple(Task(task_id, task, AGO, 1, 3) for task_id, task in tasks)
        run = DagRun("r", state, AGO, made, {}, NOW)
        lines = run_lines("linnerud", {"linnerud__train": DagState((run,), paused)}, CONFIG)
        found = overdue_text(WEEK, lines)
        assert found.startswith("The interval 2026-11-16 03:00 to 2026-11-23 03:00 UTC has ended")
        return found.partition(" has ended")[2]

    assert text("running", ("wait_for_pipeline", "deferred")) == (
        ". Its run waits for the pipeline since 2026-11-25 08:55 UTC."
    )
    assert text("running", ("submit_pipeline", "running")) == (
        ". Its run is running submit_pipeline."
    )
    assert text("running", ("check_freshness", "up_for_retry")) == (
        ". Its run goes on: check_freshness failed, attempt 2 of 3 follows."
    )
    assert text("failed", ("check_freshness", "failed")) == ". Its run failed in check_freshness."
    assert text("queued", paused=True) == ". Its run is queued: the DAG is paused."
    assert text("success") == ". Its run deployed nothing; its last task's log says why."
    assert "no run of it is unfinished" in overdue_text(WEEK, [])
    assert "Airflow shows" in overdue_text(WEEK, None)
