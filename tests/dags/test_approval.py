"""`rollout.promotion: approval`: a promotion needs an answer through Airflow's REST API.

`dag.test()` waits for the answer; Airflow's API runs in this process.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.dags.conftest import Google, Model, RunResult
from tests.dags.contested import contested as contested
from tests.dags.contested import evaluate, events_of


class Approver:
    """Answers the first required action of a model."""

    def __init__(self, api: TestClient, made: Model, answer: str) -> None:
        self.question: dict[str, Any] = {}
        self._api, self._made, self._answer = api, made, answer

    def evaluate(self, case: str, days_ago: int) -> RunResult:
        """A daily run, with the answer from another thread."""
        thread = threading.Thread(target=self._work)
        thread.start()
        result = evaluate(self._made, case, days_ago)
        thread.join()
        return result

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
                response = self._api.patch(
                    f"{path}/{run}/taskInstances/approve/-1/hitlDetails",
                    json={"chosen_options": [self._answer], "params_input": {}},
                )
                assert response.status_code == 200, response.text
                return
            time.sleep(0.5)


@pytest.fixture(scope="module")
def api(airflow_home: object) -> Iterator[TestClient]:
    """Airflow's API on the database of `dag.test()`, for a signed-in user."""
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
    champion, challenger = labels["champion"], labels["challenger"]
    before = google.endpoint(made.name)

    approver = Approver(api, made, "Reject")
    rejected = approver.evaluate("better", 2)
    assert rejected.state == "success", rejected.errors
    assert (rejected.tasks["approve"], rejected.tasks["update_traffic"]) == ("success", "skipped")
    assert google.endpoint(made.name) == before
    asked = approver.question
    assert asked["subject"] == f"{made.name}: promote the challenger {made.name}@2?"
    assert asked["defaults"] == ["Reject"]
    report = rejected.returned["decide"]["report"]
    for text in (
        "the challenger is better: the absolute loss of y",
        f"| champion now | {made.name}@1 |",
        f"| challenger | {made.name}@2 |",
        "| loss, champion's minus challenger's | 0.5 |",
        "| rows | 1000 |",
        f"[{report}]({google.host}/console/storage/{report.removeprefix('gs://')})",
        "no answer within 20 h: nothing is changed",
    ):
        assert text in asked["body"]
    # The boundary depends on how long the challenger has been deployed.
    assert re.search(r"\| interval \| 0\.2\d* to 0\.6", asked["body"])
    last = events_of(made)[-1]
    assert last.action == "approval_rejected"
    rejected_reason = f"the promotion of {made.name}@2 was not approved: Anonymous rejected it"
    assert rejected_reason in last.reason
    assert last.evidence["report"] == report

    approved = Approver(api, made, "Approve").evaluate("better", 1)
    assert approved.state == "success", approved.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {challenger: 100}
    assert endpoint.labels["champion"] == challenger
    assert endpoint.labels["previous-champion"] == champion
    promoted = events_of(made)[-1]
    assert promoted.action == "promote"
    assert promoted.evidence["approved_by"] == "Anonymous"
    assert promoted.evidence["approved_at"] == approved.returned["approve"]["approved_at"]


def test_a_rollback_needs_no_approval_and_a_marked_task_is_none(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested(rollout__promotion="approval")
    before = google.endpoint(made.name)
    # A task that is marked as successful by hand has no answer.
    by_hand = evaluate(made, "better", 1, mark_success="approve")
    assert by_hand.tasks["update_traffic"] == "failed"
    assert "the task approve left no result" in by_hand.errors["update_traffic"]
    assert google.endpoint(made.name) == before

    worse = evaluate(made, "worse", 90)
    assert worse.state == "success", worse.errors
    assert (worse.tasks["approve"], worse.tasks["update_traffic"]) == ("skipped", "success")
    assert dict(google.endpoint(made.name).traffic_split) == {before.labels["champion"]: 100}


@pytest.mark.long
def test_a_users_intent_and_a_traffic_step_need_no_approval(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested(rollout={"promotion": "approval", "steps": [10, 40]})
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]
    by_user = made.run(None, dag="rollout", intent="set_traffic", traffic_percentage=20)
    assert by_user.state == "success", by_user.errors
    assert (by_user.tasks["approve"], by_user.tasks["update_traffic"]) == ("skipped", "success")

    moved = evaluate(made, "better", 2)
    assert (moved.tasks["approve"], moved.tasks["update_traffic"]) == ("skipped", "success")
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 60, challenger: 40}
