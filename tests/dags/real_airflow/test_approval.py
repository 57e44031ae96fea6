"""`rollout.promotion: approval`: required actions of a real Airflow, answered and not."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.contested import events_of
from tests.dags.real_airflow.client import Airflow, reports_of


@pytest.mark.long
def test_approval_under_a_real_airflow(
    contested: Callable[..., Model], airflow: Airflow, google: Google, sandbox: Sandbox
) -> None:
    # The next scheduled run is hours away: its verdict would be newer than the one to approve.
    duel = {
        "feature_columns": ["better"],
        "schedule": f"0 {(datetime.now(UTC).hour + 12) % 24} * * *",
    }
    # Airflow loses a task that is resumed before its worker has reported the wait; this is longer.
    impatient = contested(duel=duel, rollout={"promotion": "approval", "approval_timeout": "36s"})
    made = contested(duel=duel, rollout={"promotion": "approval"})
    champion, challenger = (
        google.endpoint(made.name).labels[role] for role in ("champion", "challenger")
    )

    def scheduled(model: Model) -> str:
        """The run that Airflow starts when the DAG is unpaused."""
        dag_id = f"{model.name}__rollout"
        (run,) = airflow.wait("a scheduled run", lambda: airflow.runs(dag_id))
        return str(run["dag_run_id"])

    def answered(model: Model, run: str, answer: str) -> dict[str, str]:
        """The tasks of the run after that answer; "" for none."""
        dag_id = f"{model.name}__rollout"
        path = f"/dags/{dag_id}/dagRuns/{run}"
        if answer:
            airflow.wait(
                "a required action",
                lambda: airflow.tasks(dag_id, run)["approve"] == "awaiting_input",
            )
            airflow.wait(
                "the report of its worker",
                lambda: reports_of(sandbox, dag_id, run, "approve"),
            )
            airflow.call(
                "PATCH",
                f"{path}/taskInstances/approve/-1/hitlDetails",
                {"chosen_options": [answer], "params_input": {}},
            )
        ended = ("success", "failed")
        airflow.wait("its end", lambda: airflow.call("GET", path)["state"] in ended)
        return airflow.tasks(dag_id, run)

    for model in (impatient, made):
        airflow.start(f"{model.name}__rollout")
    for model, answer in ((made, "Reject"), (impatient, "")):
        run = scheduled(model)
        tasks = answered(model, run, answer)
        assert (tasks["approve"], tasks["update_traffic"]) == ("success", "skipped"), (
            airflow.failures(f"{model.name}__rollout", run)
        )
        assert sorted(google.endpoint(model.name).traffic_split.values()) == [10, 90]
    triggered = airflow.trigger(f"{made.name}__rollout", intent="evaluate")
    assert triggered.status_code == 200, triggered.text
    run = triggered.json()["dag_run_id"]
    tasks = answered(made, run, "Approve")
    assert (tasks["approve"], tasks["update_traffic"]) == ("success", "success"), airflow.failures(
        f"{made.name}__rollout", run
    )
    assert dict(google.endpoint(made.name).traffic_split) == {challenger: 100}
    assert google.endpoint(made.name).labels["previous-champion"] == champion

    assert "there was no answer within 0.01 h" in events_of(impatient)[-1].reason
    recorded = [
        event for event in events_of(made) if event.action in ("approval_rejected", "promote")
    ]
    assert [event.action for event in recorded] == ["approval_rejected", "promote"]
    assert ": Anonymous rejected it" in recorded[0].reason
    assert recorded[1].evidence["approved_by"] == "Anonymous"
