"""`rollout.promotion: approval`: a person answers through Airflow's REST API before anybody is
promoted.

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
from tests.dags.real_airflow import Airflow
from tests.dags.real_airflow import airflow as airflow
from titleholder.operators.base import SHORTEST_DEFERRAL


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
    made = contested(rollout__promotion="approval")
    labels = google.endpoint(made.name).labels
    old, new = labels["champion"], labels["challenger"]
    before = google.endpoint(made.name)

    person = Person(api, made, "Reject")
    rejected = person.judge("better", 2)
    assert rejected.state == "success", rejected.errors
    assert (rejected.tasks["approve"], rejected.tasks["update_traffic"]) == ("success", "skipped")
    assert google.endpoint(made.name) == before
    asked = person.question
    assert asked["subject"] == f"{made.name}: promote the challenger {made.name}@2?"
    assert asked["defaults"] == ["Reject"]
    report = rejected.returned["decide"]["report"]
    for told in (
        "the challenger is better: the absolute loss of better",
        f"| champion now | {made.name}@1 |",
        f"| challenger | {made.name}@2 |",
        "| loss, champion's minus challenger's | 0.5 |",
        "| interval | 0.3973 to 0.6027 |",
        "| rows | 1000 |",
        f"[{report}](https://storage.cloud.google.com/{report.removeprefix('gs://')})",
        "no answer within 20 h: nothing is changed",
    ):
        assert told in asked["body"]
    last = events_of(made)[-1]
    assert last.action == "approval_rejected"
    earned = f"{made.name}@2 has earned the title and does not get it, as Anonymous rejected"
    assert earned in last.reason
    assert last.evidence["report"] == report

    approved = Person(api, made, "Approve").judge("better", 1)
    assert approved.state == "success", approved.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {new: 100}
    assert (endpoint.labels["champion"], endpoint.labels["previous-champion"]) == (new, old)
    promoted = events_of(made)[-1]
    assert promoted.action == "promote"
    assert promoted.evidence["approved_by"] == "Anonymous"
    assert promoted.evidence["approved_at"] == approved.returned["approve"]["approved_at"]


def test_a_rollback_asks_nobody_and_no_mark_is_an_answer(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested(rollout__promotion="approval")
    before = google.endpoint(made.name)
    # Whoever marks the question as answered has not said what the answer is.
    by_hand = judge(made, "better", 1, mark_success="approve")
    assert by_hand.tasks["update_traffic"] == "failed"
    assert "the task approve left no result" in by_hand.errors["update_traffic"]
    assert google.endpoint(made.name) == before

    gone = judge(made, "worse", 90)
    assert gone.state == "success", gone.errors
    assert (gone.tasks["approve"], gone.tasks["update_traffic"]) == ("skipped", "success")
    assert dict(google.endpoint(made.name).traffic_split) == {before.labels["champion"]: 100}


@pytest.mark.long
def test_neither_does_a_person_nor_the_next_share(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested(rollout={"promotion": "approval", "steps": [10, 40]})
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]
    person = made.play(None, dag="rollout", intent="share", share=20)
    assert person.state == "success", person.errors
    assert (person.tasks["approve"], person.tasks["update_traffic"]) == ("skipped", "success")

    moved = judge(made, "better", 2)
    assert (moved.tasks["approve"], moved.tasks["update_traffic"]) == ("skipped", "success")
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 60, challenger: 40}


@pytest.mark.long
def test_under_a_real_airflow(
    contested: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    hasty = contested(
        duel={"target": "better"}, rollout={"promotion": "approval", "approval_timeout": "1s"}
    )
    made = contested(duel={"target": "better"}, rollout={"promotion": "approval"})
    champion, challenger = (
        google.endpoint(made.name).labels[role] for role in ("champion", "challenger")
    )

    def over(model: Model, answer: str) -> dict[str, str]:
        """The tasks of a run whose question was answered so."""
        dag_id = f"{model.name}__rollout"
        triggered = airflow.trigger(dag_id, intent="judge")
        assert triggered.status_code == 200, triggered.text
        run = triggered.json()["dag_run_id"]
        if answer:
            airflow.wait(
                "a question", lambda: airflow.tasks(dag_id, run)["approve"] == "awaiting_input"
            )
            path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
            asked = datetime.fromisoformat(airflow.call("GET", path)["created_at"])
            # Nobody has read it sooner, and Airflow takes a task for lost that is resumed before
            # its worker has reported.
            airflow.wait("a person", lambda: datetime.now(UTC) - asked > SHORTEST_DEFERRAL)
            airflow.call("PATCH", path, {"chosen_options": [answer], "params_input": {}})
        path = f"/dags/{dag_id}/dagRuns/{run}"
        ends = ("success", "failed")
        airflow.wait("its end", lambda: airflow.call("GET", path)["state"] in ends)
        return airflow.tasks(dag_id, run)

    for model in (hasty, made):
        airflow.start(f"{model.name}__rollout")
    for model, answer in ((hasty, ""), (made, "Reject")):
        tasks = over(model, answer)
        assert (tasks["approve"], tasks["update_traffic"]) == ("success", "skipped")
        assert sorted(google.endpoint(model.name).traffic_split.values()) == [10, 90]
    tasks = over(made, "Approve")
    assert (tasks["approve"], tasks["update_traffic"]) == ("success", "success")
    assert dict(google.endpoint(made.name).traffic_split) == {challenger: 100}
    assert google.endpoint(made.name).labels["previous-champion"] == champion

    assert "as nobody answered within 0.000278 h" in events_of(hasty)[-1].reason
    told = [event for event in events_of(made) if event.action in ("declined", "promote")]
    assert [event.action for event in told] == ["declined", "promote"]
    assert "as Anonymous rejected it" in told[0].reason
    assert told[1].evidence["approved_by"] == "Anonymous"
