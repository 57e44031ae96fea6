"""The log of a task as the UI of a real Airflow shows it: its last line says, for each kind of
failure, what failed, where, and what to do, and for a success what was done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.real_airflow import WEEK, Airflow
from tests.dags.real_airflow import airflow as airflow
from tests.faults import Faults

Run = tuple[str, str]
"""A DAG's id and a run's id."""


def run(airflow: Airflow, made: Model, dag: str = "train", **params: object) -> Run:
    """The scheduled run of the DAG, or one with these parameters, after its end. One at a time:
    Airflow's SQLite database is slow when many runs write to it."""
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


def tracebacks(airflow: Airflow, run: Run, task: str, attempt: int = 1) -> list[Any]:
    path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/{task}/logs/{attempt}"
    entries = airflow.call("GET", path)["content"]
    return [entry for entry in entries if entry.get("error_detail")]


def shown(airflow: Airflow, of: Run, task: str, attempt: int = 1) -> str:
    """The last line that the UI does not fold up."""
    lines = airflow.log_unfolded(*of, task, attempt)
    print("\n\n", of, task, attempt, *lines, sep="\n    ")
    return lines[-1]


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
            "trigger it again with",
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
        last = shown(airflow, found, task)
        assert last.startswith(f"titleholder: {made.name}: ")
        assert f": {task} failed: " in last
        assert what in last
        assert "Live traffic: " in last
        assert remedy in last
        assert not tracebacks(airflow, found, task)
        assert airflow.instances(*found)[task]["try_number"] == 1, "no retry would help"


def test_an_attempt_that_is_retried_says_when_and_a_bug_has_a_traceback(
    model: Callable[..., Model], airflow: Airflow, faults: Faults
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    faults.answer("create_pipeline_job", "UNAVAILABLE", nth=1)
    faults.answer("create_pipeline_job", "PERMISSION_DENIED", nth=2)
    refused = run(airflow, made)
    first, second = (shown(airflow, refused, "submit_pipeline", n) for n in (1, 2))
    assert first.startswith(
        f"titleholder: {made.name}: submit_pipeline failed in attempt 1 of 3: the call of "
        "submit_pipeline to Google failed: "
    )
    assert "Nothing to do yet: the next attempt starts after 20" in first
    assert second.startswith(f"titleholder: {made.name}: task failed (data of ")
    assert "submit_pipeline failed: Google refused a call of submit_pipeline: " in second
    for attempt in (1, 2):
        assert not tracebacks(airflow, refused, "submit_pipeline", attempt)
    assert airflow.instances(*refused)["submit_pipeline"]["try_number"] == 2, "no retry would help"

    dag_id, run_id = refused
    airflow.clear(dag_id, run_id)
    airflow.run(dag_id)
    for task, attempt, what in (
        ("check_freshness", 2, "fresh: "),
        ("submit_pipeline", 3, "it runs tiny-"),
        ("wait_for_pipeline", 1, "score 90.00, passed the gate"),
        ("update_traffic", 1, f"{made.name}@1 is champion"),
    ):
        assert what in shown(airflow, refused, task, attempt), "what was done"

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
    for attempt, end in ((2, "the next attempt starts after"), (4, "then clear update_traffic; ")):
        last = shown(airflow, refused, "update_traffic", attempt)
        assert "unexpected KeyError: 'score' in update_traffic.py, line " in last
        assert end in last
        assert tracebacks(airflow, refused, "update_traffic", attempt)
