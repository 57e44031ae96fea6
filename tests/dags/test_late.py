"""A run that takes longer than earlier ones, under a real Airflow."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.conftest import AIRFLOW_HOME, Sandbox
from tests.dags.conftest import Model
from tests.dags.real_airflow.client import WEEK, Airflow, logs_of, running
from tests.sink import SECRET, Sink, sink

# In a secrets backend, as on Cloud Composer: in Airflow 3.3 a deadline's callback cannot read a
# connection from the database.
CONNECTIONS = AIRFLOW_HOME / "connections.json"
_BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
_FILE = json.dumps({"connections_file_path": str(CONNECTIONS)})
MORE_SETTINGS = f"""
[secrets]
backend = {_BACKEND}
backend_kwargs = {_FILE}
[workers]
secrets_backend = {_BACKEND}
secrets_backend_kwargs = {_FILE}
"""


@pytest.fixture
def airflow_webhook() -> Iterator[Sink]:
    with sink() as webhook:
        connection = {"conn_type": "http", "password": webhook.url}
        CONNECTIONS.write_text(json.dumps({"titleholder_alerts": connection}))
        yield webhook


@pytest.fixture(scope="module")
def airflow(sandbox: Sandbox, airflow_environ: dict[str, str]) -> Iterator[Airflow]:
    """A real Airflow of its own, for its settings."""
    CONNECTIONS.write_text("{}")
    with running(sandbox, airflow_environ, MORE_SETTINGS) as started:
        yield started


@pytest.mark.long
def test_a_late_run_is_posted_and_can_be_cleared(
    model: Callable[..., Model], airflow: Airflow, airflow_webhook: Sink, sandbox: Sandbox
) -> None:
    made = model(alerts={"late_after": "1s"})
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    airflow.run(dag_id)
    # Its request may arrive after the task has stopped waiting for the response.
    airflow.wait("an alert", airflow_webhook.titles)
    assert airflow_webhook.titles() == ["first champion"], "without an earlier run no run is late"

    # Of the week before, since the job of the present week exists and would be reused.
    made.set_parameters(seconds=600.0)
    body = {"logical_date": (WEEK.end - timedelta(hours=1)).isoformat(), "conf": {}}
    slow = airflow.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
    airflow.wait(
        "its first task", lambda: airflow.tasks(dag_id, slow)["check_freshness"] == "success"
    )
    # A run can be cleared before its deadline: see apache/airflow#70368.
    airflow.clear(dag_id, slow)
    airflow.wait("an alert", lambda: "run is late" in airflow_webhook.titles())
    text = next(text for text in airflow_webhook.texts if ": run is late" in text)
    assert f"{dag_id} ({slow}) goes on, and should have ended by " in text
    assert f"/dags/{dag_id}/runs/" in text
    airflow.call("PATCH", f"/dags/{dag_id}/dagRuns/{slow}", {"state": "failed"})
    logs = logs_of(sandbox)
    for part in SECRET.split("/"):
        assert part not in logs
