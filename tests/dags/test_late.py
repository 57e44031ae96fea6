"""A run that takes longer than the ones before it, under a real Airflow."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow import WEEK, Airflow, logs_of
from tests.dags.real_airflow import airflow as airflow
from tests.dags.real_airflow import hears as hears
from tests.sink import SECRET, Sink


@pytest.mark.long
def test_late_and_cleared(
    model: Callable[..., Model], airflow: Airflow, google: Google, hears: Sink, sandbox: Sandbox
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
    airflow.wait("an alert", lambda: "run is late" in hears.titles(), seconds=120)
    text = hears.texts[-1]
    assert f"{dag_id} ({slow}) goes on, and should have ended by " in text
    assert f"/dags/{dag_id}/runs/" in text

    # A run whose deadline is ahead can be cleared; apache/airflow#70368 is about another kind.
    made.change("alerts", late_after="1h")
    path = f"/dags/{dag_id}/dagRuns/{slow}"
    airflow.wait(
        "a waiting pipeline",
        lambda: airflow.tasks(dag_id, slow)["wait_for_pipeline"] == "deferred",
    )
    airflow.call("PATCH", path, {"state": "failed"})
    airflow.wait("its end", lambda: airflow.runs(dag_id)[-1]["state"] != "running")
    body = {"dry_run": False, "only_failed": False}
    airflow.call("POST", f"{path}/clear", body)
    said = logs_of(sandbox)
    for part in SECRET.split("/"):
        assert part not in said
