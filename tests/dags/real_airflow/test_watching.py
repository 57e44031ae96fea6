"""Decay under a real Airflow: the scheduler runs the early training, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow.client import Airflow
from tests.dags.watched import FIRST, case, recorded
from tests.dags.watched import watched as watched


@pytest.mark.long
@pytest.mark.parametrize("retrain_on", [["schedule", "decay"], ["decay"]])
def test_one_early_training_through_clears_and_backfills(
    watched: Callable[..., Model],
    airflow: Airflow,
    google: Google,
    clock: SandboxClock,
    retrain_on: list[str],
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # The newest counted day is two days ago, or three before 5:00.
    broken = (today - FIRST).days - 6
    made = watched(case("break", broken), watch={"retrain_on": retrain_on})
    clock.reset()
    made.load(*(today - timedelta(days=back, hours=1) for back in range(1, 8)), rows=100)
    train, rollout = f"{made.name}__train", f"{made.name}__rollout"
    airflow.find(train)
    paused_runs = airflow.runs(train)
    airflow.start(rollout)
    run = airflow.run(rollout)
    assert run["state"] == "success", airflow.failures(rollout, run["dag_run_id"])
    (decayed,) = recorded(made, "decayed")

    # The weekly DAG is paused: the run waits.
    (early,) = (one for one in airflow.runs(train) if one not in paused_runs)
    assert early["run_type"] == "operator_triggered"
    assert early["state"] == "queued"
    assert early["dag_run_id"].endswith(decayed.evidence["decay"]["alarm"])

    airflow.clear(rollout, run["dag_run_id"])
    airflow.wait("the cleared run", lambda: ended(airflow, rollout, run["dag_run_id"]))
    body = {
        "dag_id": rollout,
        "from_date": (today - timedelta(days=3)).isoformat(),
        "to_date": today.isoformat(),
        "reprocess_behavior": "completed",
        "dag_run_conf": {},
    }
    backfill = airflow.call("POST", "/backfills", body)["id"]
    airflow.wait(
        "the end of the backfill",
        lambda: airflow.call("GET", f"/backfills/{backfill}")["completed_at"],
    )
    assert {one["state"] for one in airflow.runs(rollout)} == {"success"}
    assert len(recorded(made, "decayed")) == len(recorded(made, "retrain")) == 1

    # The asset of the decay was updated once, too.
    updates = airflow.call("GET", f"/assets/events?source_dag_id={rollout}")["asset_events"]
    (decay,) = (one for one in updates if one["name"] == f"{made.name}/decay")
    assert decay["extra"]["event"] == decayed.id
    assert decay["extra"]["version"] == f"{made.name}@1"

    airflow.start(train)
    found = airflow.wait("the early training", lambda: ended(airflow, train, early["dag_run_id"]))
    assert found["state"] == "success", airflow.failures(train, early["dag_run_id"])
    (deployed,) = (
        event for event in recorded(made, "deploy_challenger") if "early__decay" in event.run
    )
    assert deployed.interval_end == datetime.fromisoformat(early["conf"]["interval_end"])
    assert deployed.interval_start == deployed.interval_end - timedelta(weeks=1)
    assert google.endpoint(made.name).labels["challenger"] == deployed.challenger_after
    early_runs = [one for one in airflow.runs(train) if one["dag_run_id"].startswith("early__")]
    assert len(early_runs) == 1


def ended(airflow: Airflow, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """The run, once it has ended."""
    (found,) = (one for one in airflow.runs(dag_id) if one["dag_run_id"] == run_id)
    return found if found["state"] in ("success", "failed") else None
