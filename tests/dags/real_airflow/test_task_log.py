"""The log of a task as the UI of a real Airflow shows it: its last line says, for each kind of
failure, what failed, where, and what to do, and for a success what was done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.real_airflow.client import WEEK, Airflow
from tests.faults import Faults

Run = tuple[str, str]
"""A DAG's id and a run's id."""


def run(airflow: Airflow, made: Model, dag: str = "train", **params: object) -> Run:
    """The scheduled run of the DAG, or one with these parameters, after its end."""
    dag_id, run_id = f"{made.name}__{dag}", "scheduled"
    airflow.start(dag_id)
    if params:
        answer = airflow.trigger(dag_id, **params)
        assert answer.status_code == 200, answer.text
        run_id = answer.json()["dag_run_id"]

    def poll() -> list[str]:
        ended = [one for one in airflow.runs(dag_id) if one["state"] in ("success", "failed")]
        ids = [one["dag_run_id"] for one in ended]
        return [one for one in ids if one.startswith(run_id)]

    (found,) = airflow.wait(f"the end of {dag_id}", poll)
    return dag_id, found


def attempts(airflow: Airflow, of: Run, task: str) -> int:
    """The number of the last attempt. On a busy machine the worker of an attempt may be lost before
    it starts."""
    return int(airflow.instances(*of)[task]["try_number"])


def tracebacks(airflow: Airflow, of: Run, task: str, attempt: int) -> list[Any]:
    path = f"/dags/{of[0]}/dagRuns/{of[1]}/taskInstances/{task}/logs/{attempt}"
    entries = airflow.call("GET", path)["content"]
    return [entry for entry in entries if entry.get("error_detail")]


def last_line(airflow: Airflow, of: Run, task: str, attempt: int) -> str:
    """The last line that the UI does not fold up."""
    return airflow.log_unfolded(*of, task, attempt)[-1]


def test_the_last_line_of_a_failed_task_says_what_where_and_what_to_do(
    model: Callable[..., Model],
    contested: Callable[..., Model],
    airflow: Airflow,
    google: Google,
) -> None:
    stale = model(source__freshness={"timeout": "1s"})
    stale.load(WEEK.start - timedelta(days=1))
    broken = model(pipeline__parameters={"fail": True})
    broken.load(WEEK.end - timedelta(minutes=5))
    changed = contested()
    endpoint = google.endpoint(changed.name)
    by_hand = {endpoint.labels["champion"]: 50, endpoint.labels["challenger"]: 50}
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, traffic_split=by_hand),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    no_template: dict[str, object] = {"pipeline_version": "tiny-000000000000"}
    promote: dict[str, object] = {"intent": "promote"}
    for made, dag, params, task, what, remedy in (
        (stale, "train", {}, "check_freshness", "stale: ", "then clear check_freshness"),
        (
            broken,
            "train",
            {},
            "wait_for_pipeline",
            "failed in task prepare: ",
            "to train again, clear submit_pipeline with what follows it",
        ),
        (
            changed,
            "rollout",
            promote,
            "observe",
            "was changed by hand: the split is 50 %",
            f"trigger {changed.name}__rollout with the intent adopt or restore",
        ),
        (
            broken,
            "train",
            {"pipeline": "tiny"},
            "check_freshness",
            "the run was given 'pipeline', which its form does not have",
            "clearing this run repeats the same one",
        ),
        (
            broken,
            "train",
            no_template,
            "submit_pipeline",
            "tiny-000000000000",
            "then clear submit_pipeline",
        ),
    ):
        found = run(airflow, made, dag, **params)
        attempt = attempts(airflow, found, task)
        last = last_line(airflow, found, task, attempt)
        assert last.startswith(f"titleholder: {made.name}: ")
        assert f": {task} failed: " in last
        assert what in last
        assert "Live traffic: " in last
        assert remedy in last
        assert not tracebacks(airflow, found, task, attempt)
        assert attempt < 3, "no retry would help"


def test_an_attempt_that_is_retried_says_when_and_a_bug_has_a_traceback(
    model: Callable[..., Model], airflow: Airflow, faults: Faults
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    faults.answer("create_pipeline_job", "UNAVAILABLE", nth=1)
    faults.answer("create_pipeline_job", "PERMISSION_DENIED", nth=2)
    refused = run(airflow, made)
    end = attempts(airflow, refused, "submit_pipeline")
    first, second = (last_line(airflow, refused, "submit_pipeline", n) for n in (end - 1, end))
    assert first.startswith(
        f"titleholder: {made.name}: submit_pipeline failed in attempt {end - 1} of 3: the call of "
        "submit_pipeline to Google failed: "
    )
    assert "Nothing to do yet: the next attempt starts after 20" in first
    assert second.startswith(f"titleholder: {made.name}: task failed (data of ")
    assert "submit_pipeline failed: Google refused a call of submit_pipeline: " in second
    for attempt in (end - 1, end):
        assert not tracebacks(airflow, refused, "submit_pipeline", attempt)

    dag_id, run_id = refused
    airflow.clear(dag_id, run_id)
    airflow.run(dag_id)
    for task, what in (
        ("check_freshness", "fresh: "),
        ("submit_pipeline", "it runs tiny-"),
        ("wait_for_pipeline", "score 90.00, passed the gate"),
        ("update_traffic", f"{made.name}@1 is champion"),
    ):
        last = last_line(airflow, refused, task, attempts(airflow, refused, task))
        assert what in last, "what was done"

    # A result that no task writes.
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/wait_for_pipeline"
    value = {"value": {"candidate": None}, "map_index": -1}
    airflow.call("PATCH", f"{path}/xcomEntries/return_value", value)
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["update_traffic"]}
    body |= {"only_failed": False, "reset_dag_runs": True}
    airflow.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)
    airflow.wait(
        "a failed update_traffic",
        lambda: airflow.tasks(dag_id, run_id)["update_traffic"] == "failed",
    )
    end = attempts(airflow, refused, "update_traffic")
    for attempt, then in (
        (end - 1, "the next attempt starts after"),
        (end, "then clear update_traffic; "),
    ):
        last = last_line(airflow, refused, "update_traffic", attempt)
        assert "unexpected KeyError: 'score' in update_traffic.py, line " in last
        assert then in last
        assert tracebacks(airflow, refused, "update_traffic", attempt)
