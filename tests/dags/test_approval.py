"""`rollout.promotion: ask`: a person answers through Airflow's REST API before anybody is promoted.

`dag.test()` parks such a task until somebody answers; here Airflow's own API does, in this process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.dags.conftest import Google, Model, Played
from tests.dags.contested import contested as contested
from tests.dags.contested import events_of, judge


class Person:
    """Answers the first question about a model that waits."""

    def __init__(self, api: TestClient, made: Model, answer: str) -> None:
        self.question: dict[str, Any] = {}
        self._api, self._made, self._answer = api, made, answer

    def judge(self, case: str, days_ago: int) -> Played:
        """A daily run, answered meanwhile."""
        thread = threading.Thread(target=self._work)
        thread.start()
        played = judge(self._made, case, days_ago)
        thread.join()
        return played

    def _work(self) -> None:
        path = f"/api/v2/dags/{self._made.name}__rollout/dagRuns"
        end = time.monotonic() + 90
        while time.monotonic() < end:
            asked = self._api.get(
                f"{path}/~/hitlDetails",
                params={"state": "awaiting_input", "response_received": False},
            ).json()["hitl_details"]
            if asked:
                self.question = asked[0]
                run = self.question["task_instance"]["dag_run_id"]
                said = self._api.patch(
                    f"{path}/{run}/taskInstances/approve/-1/hitlDetails",
                    json={"chosen_options": [self._answer], "params_input": {}},
                )
                assert said.status_code == 200, said.text
                return
            time.sleep(0.5)


@pytest.fixture(scope="module")
def api(airflow_home: object) -> Iterator[TestClient]:
    """Airflow's API on the database of `dag.test()`, for a person who is signed in."""
    from airflow.api_fastapi.app import create_app

    with TestClient(create_app()) as client:
        token = client.get("/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_rejected_then_approved(
    contested: Callable[..., Model], google: Google, api: TestClient
) -> None:
    made = contested(rollout__promotion="ask")
    labels = google.endpoint(made.name).labels
    old, new = labels["champion"], labels["challenger"]
    before = google.endpoint(made.name)

    person = Person(api, made, "Reject")
    rejected = person.judge("better", 2)
    assert rejected.state == "success", rejected.errors
    assert (rejected.tasks["approve"], rejected.tasks["update_traffic"]) == ("success", "skipped")
    assert google.endpoint(made.name) == before
    asked = person.question
    print(asked)
    assert asked["subject"] == f"{made.name}: promote the challenger {new}?"
    assert asked["defaults"] == ["Reject"]
    for told in (
        "the challenger is better",
        f"| champion now | {old} |",
        "| rows | 1000 |",
        "gs://",
    ):
        assert told in asked["body"]
    last = events_of(made)[-1]
    assert last.action == "declined"
    assert f"{new} has earned the title and does not get it, as " in last.reason
    print(last)

    approved = Person(api, made, "Approve").judge("better", 1)
    assert approved.state == "success", approved.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {new: 100}
    assert (endpoint.labels["champion"], endpoint.labels["previous"]) == (new, old)
    promoted = events_of(made)[-1]
    print(promoted)
    assert promoted.action == "promote"
