"""`<model>__rollout` under a real Airflow, triggered as its form in the UI does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow import WEEK, Airflow
from tests.dags.real_airflow import airflow as airflow
from tests.dags.real_airflow import hears as hears
from tests.sandbox.test_web_pages import listens_here_only
from tests.sink import Sink


def test_promoted(
    model: Callable[..., Model], airflow: Airflow, google: Google, hears: Sink
) -> None:
    made = model()
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    assert made.play(WEEK.start).state == "success"
    airflow.start(f"{made.name}__train")
    airflow.run(f"{made.name}__train")
    labels = google.endpoint(made.name).labels
    old, new = labels["champion"], labels["challenger"]

    dag_id = f"{made.name}__rollout"
    airflow.start(dag_id)
    answer = airflow.trigger(dag_id, intent="promote")
    assert answer.status_code == 200, answer.text
    airflow.run(dag_id)
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {new: 100}
    assert (endpoint.labels["champion"], endpoint.labels["previous"]) == (new, old)

    before = google.endpoint(made.name)
    answer = airflow.trigger(dag_id, intent="rollback")
    run = answer.json()["dag_run_id"]

    def over() -> Any:
        states = {one["dag_run_id"]: one["state"] for one in airflow.runs(dag_id)}
        return states[run] in ("success", "failed") and states[run]

    assert airflow.wait("the end of a rollback", over) == "failed"
    assert airflow.tasks(dag_id, run) == {"observe": "failed", "update_traffic": "upstream_failed"}
    assert (
        f"there is no challenger on {endpoint.name}; to bring the previous champion {old} back, "
        "use reinstate" in airflow.log(dag_id, run, "observe")
    )
    assert google.endpoint(made.name) == before
    assert hears.titles() == ["challenger seated", "challenger promoted", "task failed"]
    assert "observe failed: there is no challenger on" in hears.texts[2]
    assert f"/dags/{dag_id}/runs/" in hears.texts[2]


def test_refused_by_the_form(model: Callable[..., Model], airflow: Airflow) -> None:
    dag_id = f"{model().name}__rollout"
    airflow.wait(dag_id, lambda: airflow.http.get(f"/dags/{dag_id}").status_code == 200)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"intent": "share", "share": 100}, "100 is greater than the maximum of 99"),
        ({"intent": "share", "share": 0}, "0 is less than the minimum of 1"),
        ({"intent": "crown"}, "'crown' is not one of ['promote', 'rollback'"),
        ({"intent": "promote", "deployed_model_id": "linnerud"}, "'linnerud' does not match"),
        ({}, "No value passed"),
        ({"intent": "promote", "reason": "x" * 1001}, "is too long"),
    ]
    for given, reason in wrong:
        answer = airflow.trigger(dag_id, **given)
        assert answer.status_code == 400, answer.text
        assert reason in answer.json()["detail"]
    assert airflow.runs(dag_id) == []


def test_airflow_is_for_this_machine_and_its_own_pages(airflow: Airflow, sandbox: Sandbox) -> None:
    assert listens_here_only(sandbox)
    base = airflow.http.base_url
    own = f"http://{base.host}:{base.port}"
    for path in ("/", "/auth/token", "/api/v2/dags"):
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            for method in ("GET", "POST", "OPTIONS"):
                answer = httpx.request(method, f"{own}{path}", headers=headers)
                assert answer.status_code == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]
        assert httpx.get(f"{own}{path}", headers={"Origin": own}).status_code != 403
    assert airflow.http.get("/dags", headers={"Origin": own}).status_code == 200
