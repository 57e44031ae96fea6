"""A backfill of eight weeks during a scheduled run, under a real Airflow."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.dags.conftest import LAST_MONDAY, Google, Model, deploy_champion
from tests.dags.real_airflow.client import WEEK, Airflow
from tests.faults import Faults, unsound

WEEKS = 8


@pytest.mark.long
def test_a_backfill_of_eight_weeks_leaves_live_traffic_alone(
    model: Callable[..., Model], airflow: Airflow, google: Google, faults: Faults
) -> None:
    made = model()
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(WEEKS + 2)))
    deploy_champion(google, made, LAST_MONDAY)
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    backfill = {
        "dag_id": dag_id,
        "from_date": (LAST_MONDAY - timedelta(weeks=WEEKS + 1)).isoformat(),
        "to_date": (LAST_MONDAY - timedelta(weeks=2)).isoformat(),
        "max_active_runs": 2,
        "dag_run_conf": {},
    }
    airflow.call("POST", "/backfills", backfill)
    runs = airflow.wait(
        f"the end of {WEEKS + 1} runs",
        lambda: (
            len([r for r in airflow.runs(dag_id) if r["state"] in ("success", "failed")])
            == WEEKS + 1
            and airflow.runs(dag_id)
        ),
    )
    assert {run["state"] for run in runs} == {"success"}
    (scheduled,) = (run for run in runs if run["run_type"] == "scheduled")
    backfilled = [run for run in runs if run["run_type"] == "backfill"]
    assert min(run["start_date"] for run in backfilled) < scheduled["end_date"]

    endpoint = google.endpoint(made.name)
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    assert {deployed.id for deployed in endpoint.deployed_models} == {champion, challenger}
    traffic = faults.traffic(endpoint=endpoint.name)
    assert not unsound(traffic)
    live = [entry["traffic_split"] for entry in traffic if entry["traffic_split"]]
    changes = [now for before, now in zip([None, *live], live, strict=False) if now != before]
    assert changes == [{champion: 100}, {champion: 90, challenger: 10}]

    weeks = {run["data_interval_start"] for run in runs}
    assert len(weeks) == WEEKS + 1
    assert len(google.jobs_of(made.name)) == WEEKS + 1
    # The first champion was registered by no run.
    assert len(google.versions(made.name)) == WEEKS + 2
