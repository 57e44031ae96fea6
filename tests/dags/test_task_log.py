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
"""A DAG's id and a run's id; "" for the scheduled run."""


def start(airflow: Airflow, made: Model, dag: str = "train", **params: object) -> Run:
    """Start the scheduled run, and with parameters another one beside it."""
    dag_id = f"{made.name}__{dag}"
    airflow.start(dag_id)
    if not params:
        return dag_id, ""
    answer = airflow.trigger(dag_id, **params)
    assert answer.status_code == 200, answer.text
    return dag_id, answer.json()["dag_run_id"]


def wait(airflow: Airflow, run: Run) -> Run:
    """Wait for the end of the run."""
    dag_id, run_id = run

    def poll() -> list[str]:
        ended = [one for one in airflow.runs(dag_id) if one["state"] in ("success", "failed")]
        ids = [one["dag_run_id"] for one in ended]
        return [one for one in ids if one.startswith(run_id or "scheduled")]

    (found,) = airflow.wait(f"the end of {dag_id}", poll)
    return dag_id, found


def tracebacks(airflow: Airflow, run: Run, task: str, attempt: int = 1) -> list[Any]:
    path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/{task}/logs/{attempt}"
    entries = airflow.call("GET", path)["content"]
    return [entry for entry in entries if entry.get("error_detail")]


def test_the_last_line_of_a_task_says_what_where_and_what_to_do(
    model: Callable[..., Model],
    contested: Callable[..., Model],
    airflow: Airflow,
    google: Google,
    faults: Faults,
) -> None:
    stale = model(source__freshness={"timeout": "1s"})
    stale.load(WEEK.start - timedelta(days=1))
    broken, good, refused = model(pipeline__parameters={"fail": True}), model(), model()
    for made in (broken, good, refused):
        made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    changed = contested()
    endpoint = google.endpoint(changed.name)
    by_hand = {endpoint.labels["champion"]: 50, endpoint.labels["challenger"]: 50}
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, traffic_split=by_hand),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    of_refused = f"*/{refused.name}-*"
    faults.answer("create_pipeline_job", "PERMISSION_DENIED", resource=of_refused, nth=2)
    faults.answer("create_pipeline_job", "UNAVAILABLE", resource=of_refused)

    succeeded = start(airflow, good)
    failures = [
        (stale, start(airflow, stale), "check_freshness", "stale: ", "clear check_freshness"),
        (broken, start(airflow, broken), "wait_for_pipeline", "failed in task prepare: ", "train"),
        (
            changed,
            start(airflow, changed, "rollout", intent="promote"),
            "observe",
            "was changed by hand: the split is 50 %",
            f"trigger {changed.name}__rollout with the intent adopt or restore",
        ),
        (
            good,
            start(airflow, good, pipeline="linnerud"),
            "check_freshness",
            "the run was given 'pipeline', which its form does not have",
            "trigger it again with",
        ),
        (
            good,
            start(airflow, good, pipeline_version="tiny-000000000000"),
            "submit_pipeline",
            "tiny-000000000000",
            "clear submit_pipeline",
        ),
    ]
    retried = start(airflow, refused)
    for made, run, task, what, remedy in failures:
        found = wait(airflow, run)
        last = airflow.log_unfolded(*found, task)[-1]
        print("\n\n", *airflow.log_unfolded(*found, task), sep="\n    ")
        assert last.startswith(f"titleholder: {made.name}: ")
        assert f": {task} failed: " in last
        assert what in last
        assert remedy in last
        assert "Live traffic: " in last
        assert not tracebacks(airflow, found, task)

    run = wait(airflow, retried)
    first, second = (airflow.log_unfolded(*run, "submit_pipeline", n) for n in (1, 2))
    print("\n\n", *first, sep="\n    ")
    print("\n\n", *second, sep="\n    ")
    assert first[-1].startswith(
        f"titleholder: {refused.name}: submit_pipeline failed in attempt 1 of 3: the call of"
    )
    assert "Nothing to do yet: the next attempt starts after 20" in first[-1]
    assert f"{refused.name}: task failed (" in second[-1]
    assert "Google refused a call of submit_pipeline: " in second[-1]
    for attempt in (1, 2):
        assert not tracebacks(airflow, run, "submit_pipeline", attempt)
    assert airflow.instances(*run)["submit_pipeline"]["try_number"] == 2, "no retry would help"

    run = wait(airflow, succeeded)
    for task, what in (
        ("check_freshness", "fresh: "),
        ("submit_pipeline", "it runs tiny-"),
        ("wait_for_pipeline", "score 90.00, passed the gate"),
        ("update_traffic", f"{good.name}@1 is champion"),
    ):
        print("\n\n", *airflow.log_unfolded(*run, task), sep="\n    ")
        assert what in airflow.log_unfolded(*run, task)[-1]

    # A result that no task writes: a bug.
    dag_id, run_id = run
    path = f"/dags/{dag_id}/dagRuns/{run_id}"
    value = {"value": {"candidate": None}, "map_index": -1}
    entry = f"{path}/taskInstances/wait_for_pipeline/xcomEntries/return_value"
    airflow.call("PATCH", entry, value)
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["update_traffic"]}
    body |= {"only_failed": False, "reset_dag_runs": True}
    airflow.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)
    airflow.wait(
        "a failed update_traffic",
        lambda: airflow.tasks(dag_id, run_id)["update_traffic"] == "failed",
    )
    for attempt, end in ((2, "the next attempt starts after"), (4, "clear update_traffic; ")):
        *_, last = airflow.log_unfolded(*run, "update_traffic", attempt)
        print("\n\n", *airflow.log_unfolded(*run, "update_traffic", attempt), sep="\n    ")
        assert "unexpected KeyError: 'score' in update_traffic.py, line " in last
        assert end in last
        assert tracebacks(airflow, run, "update_traffic", attempt)
