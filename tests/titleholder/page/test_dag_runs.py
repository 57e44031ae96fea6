"""The present runs in words, and which of them wait for a person."""

from datetime import timedelta

import pytest

from tests.titleholder.page.model_sections import NOW
from titleholder.page.dag_runs import DagRun, DagState, Task, run_lines

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
