"""A run that takes longer than the ones before it, under a real Airflow."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.conftest import AIRFLOW_HOME, Sandbox
from tests.dags.conftest import Model
from tests.dags.real_airflow import WEEK, Airflow, logs_of
from tests.dags.real_airflow import airflow as airflow
from tests.sink import SECRET, Sink, sink

# In a secrets backend, as on Cloud Composer: Airflow 3.3 lets no deadline's callback read a
# connection from its database.
CONNECTIONS = AIRFLOW_HOME / "connections.json"
_BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
_WHERE = json.dumps({"connections_file_path": str(CONNECTIONS)})
MORE_SETTINGS = f"""
[secrets]
backend = {_BACKEND}
backend_kwargs = {_WHERE}
[workers]
secrets_backend = {_BACKEND}
secrets_backend_kwargs = {_WHERE}
"""


@pytest.fixture
def hears() -> Iterator[Sink]:
    with sink() as into:
        held = {"titleholder_alerts": {"conn_type": "http", "password": into.url}}
        CONNECTIONS.write_text(json.dumps(held))
        yield into


@pytest.fixture(scope="module", autouse=True)
def no_connection_yet() -> None:
    CONNECTIONS.write_text("{}")


@pytest.mark.long
def test_late_and_cleared(
    model: Callable[..., Model], airflow: Airflow, hears: Sink, sandbox: Sandbox
) -> None:
    made = model(alerts={"late_after": "1s"})
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    airflow.run(dag_id)
    assert hears.titles() == ["first champion"], "without an earlier run nobody knows what is late"

    # It is about the week before, as the job of a week that is there would be taken up.
    made.rewrite(seconds=600.0)
    body = {"logical_date": (WEEK.end - timedelta(hours=1)).isoformat(), "conf": {}}
    slow = airflow.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
    airflow.wait(
        "its first task", lambda: airflow.tasks(dag_id, slow)["check_freshness"] == "success"
    )
    # Its deadline is ahead, and it can be cleared: see apache/airflow#70368.
    airflow.clear(dag_id, slow)
    airflow.wait("an alert", lambda: "run is late" in hears.titles(), seconds=120)
    text = hears.texts[-1]
    assert f"{dag_id} ({slow}) goes on, and should have ended by " in text
    assert f"/dags/{dag_id}/runs/" in text
    airflow.call("PATCH", f"/dags/{dag_id}/dagRuns/{slow}", {"state": "failed"})
    said = logs_of(sandbox)
    for part in SECRET.split("/"):
        assert part not in said
