"""What one sees in the log of a task under a real Airflow: the last line of each kind of failure,
and of a success."""

import re
from collections.abc import Callable
from datetime import timedelta

from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.real_airflow import WEEK, Airflow
from tests.dags.real_airflow import airflow as airflow
from tests.faults import Faults


class Logs:
    """Runs tasks, and reads the log of each as the UI shows it."""

    def __init__(self, airflow: Airflow) -> None:
        self.airflow = airflow

    def trigger(self, made: Model, dag: str = "train", **params: object) -> tuple[str, str]:
        """Start a run of the week, or one on request; its DAG and id."""
        dag_id = f"{made.name}__{dag}"
        self.airflow.start(dag_id)
        if not params:
            return dag_id, ""
        answer = self.airflow.trigger(dag_id, **params)
        assert answer.status_code == 200, answer.text
        return dag_id, answer.json()["dag_run_id"]

    def ended(self, dag_id: str, run_id: str) -> tuple[str, str]:
        """Wait for the end of the run, by default the scheduled one; its DAG and id."""

        def poll() -> list[str]:
            return [
                run["dag_run_id"]
                for run in self.airflow.runs(dag_id)
                if run["dag_run_id"].startswith(run_id or "scheduled")
                and run["state"] in ("success", "failed")
            ]

        (found,) = self.airflow.wait(f"the end of {dag_id}", poll)
        return dag_id, found

    def shown(self, run: tuple[str, str], task: str, attempt: int = 1) -> list[str]:
        """The lines of the log that the UI does not fold up."""
        return self.airflow.log_unfolded(*run, task, attempt)

    def has_traceback(self, run: tuple[str, str], task: str, attempt: int = 1) -> bool:
        path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/{task}/logs/{attempt}"
        entries = self.airflow.call("GET", path)["content"]
        return any(entry.get("error_detail") for entry in entries)


def test_the_last_line_of_a_failed_task_says_what_where_and_what_to_do(
    model: Callable[..., Model],
    contested: Callable[..., Model],
    airflow: Airflow,
    google: Google,
    faults: Faults,
) -> None:
    logs = Logs(airflow)
    stale = model(source__freshness={"timeout": "1s"})
    stale.load(WEEK.start - timedelta(days=1))
    broken = model(pipeline__parameters={"fail": True})
    unknown, refused = model(), model()
    for made in (broken, unknown, refused):
        made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    changed = contested()
    endpoint = google.endpoint(changed.name)
    by_hand = {endpoint.labels["champion"]: 50, endpoint.labels["challenger"]: 50}
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, traffic_split=by_hand),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    faults.answer("create_pipeline_job", "PERMISSION_DENIED", resource=refused.name)
    refusal = logs.trigger(refused)
    runs = {
        "check_freshness": logs.trigger(stale),
        "wait_for_pipeline": logs.trigger(broken),
        "observe": logs.trigger(changed, "rollout", intent="promote"),
        "submit_pipeline": refusal,
    }
    mistyped = logs.trigger(unknown, pipeline="linnerud")
    missing = logs.trigger(unknown, pipeline_version="linnerud-0")
    for task, run in runs.items():
        found = logs.ended(*run)
        print(found, *logs.shown(found, task), sep="\n    ")
        print(airflow.log(*found, task))
    for task, run in (("check_freshness", mistyped), ("submit_pipeline", missing)):
        found = logs.ended(*run)
        print(found, *logs.shown(found, task), sep="\n    ")
    assert not re
