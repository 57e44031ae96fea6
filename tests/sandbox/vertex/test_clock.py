"""The server's clock: times of resources and operations after it is moved."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.vertex.context import Durations

PATH = "/sandbox/clock"
WEEK = timedelta(weeks=1)
DEPLOY = Durations().deploy


@pytest.fixture
def move_clock(own_vertex: Any) -> Any:
    """A function that sets the clock of the test's own server."""

    def move(to: datetime) -> dict[str, Any]:
        response = own_vertex.http.put(PATH, json={"now": to.isoformat()})
        assert response.status_code == 200, response.text
        return response.json()

    return move


def test_the_clock_is_moved_and_reset(own_vertex: Any, move_clock: Any) -> None:
    now = own_vertex.clock.now
    assert own_vertex.http.get(PATH).json() == {"now": now.isoformat(), "offsetSeconds": 0}
    assert move_clock(now - WEEK) == {
        "now": (now - WEEK).isoformat(),
        "offsetSeconds": -WEEK.total_seconds(),
    }
    own_vertex.clock.advance(90)
    clock = own_vertex.http.get(PATH).json()
    assert datetime.fromisoformat(clock["now"]) == now - WEEK + timedelta(seconds=90)

    endpoint = own_vertex.endpoint("x")
    assert endpoint.create_time < now - WEEK + timedelta(minutes=10)
    assert own_vertex.http.delete(PATH).json()["offsetSeconds"] == 0
    updated = own_vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint.name, "description": "later"},
        update_mask={"paths": ["description"]},
    )
    assert updated.update_time - endpoint.create_time == WEEK


def test_an_operation_ends_when_the_clock_is_moved_past_its_end(
    own_vertex: Any, move_clock: Any
) -> None:
    future = own_vertex.endpoints.create_endpoint(
        parent=own_vertex.parent, endpoint={"display_name": "x"}
    )
    assert not own_vertex.http.get(f"/v1/{future.operation.name}").json().get("done")
    move_clock(own_vertex.clock.now + WEEK)
    assert own_vertex.http.get(f"/v1/{future.operation.name}").json()["done"]


def test_an_operation_restarts_its_time_when_the_clock_is_set_back(
    own_vertex: Any, move_clock: Any, bucket: Any
) -> None:
    endpoint = own_vertex.endpoint("x").name
    model = own_vertex.upload(bucket.put_constant(1)).model
    name = own_vertex.deploy(endpoint, model, {"0": 100}).operation.name
    own_vertex.clock.advance(DEPLOY / 2)
    move_clock(own_vertex.clock.now - WEEK)
    path = f"/v1/{name}"
    assert not own_vertex.http.get(path).json().get("done")
    own_vertex.clock.advance(DEPLOY * 0.95)
    assert not own_vertex.http.get(path).json().get("done")
    own_vertex.clock.advance(DEPLOY * 0.1)
    own_vertex.endpoints.wait_operation({"name": name})
    ended = own_vertex.http.get(path).json()
    assert ended["done"]
    assert "error" not in ended
    times = ended["metadata"]["genericMetadata"]
    assert datetime.fromisoformat(times["updateTime"]) >= datetime.fromisoformat(
        times["createTime"]
    )
    assert own_vertex.http.get(f"/v1/{endpoint}").json()["trafficSplit"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"now": 5},
        {"now": "soon"},
        {"now": "2026-10-05T03:00:00"},
        {"now": "1969-12-31T00:00:00Z"},
        {"now": "9999-12-31T00:00:00Z"},
    ],
    ids=str,
)
def test_an_invalid_time_is_refused(own_vertex: Any, body: dict[str, Any]) -> None:
    refused = own_vertex.http.put(PATH, json=body)
    assert refused.status_code == 400
    assert "Send a time with a time zone" in refused.json()["error"]["message"]
    assert own_vertex.http.get(PATH).json()["offsetSeconds"] == 0


def test_web_pages_and_other_methods_are_refused(own_vertex: Any) -> None:
    body = {"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
    page = own_vertex.http.put(PATH, json=body, headers={"Origin": "http://evil.example"})
    assert page.status_code == 403
    assert own_vertex.http.post(PATH, json=body).status_code == 404
    assert own_vertex.http.get(PATH).json()["offsetSeconds"] == 0


def test_a_server_with_faults_has_a_clock(faulty_vertex: Any) -> None:
    clock = faulty_vertex.http.get(PATH).json()
    assert clock == {"now": faulty_vertex.clock.now.isoformat(), "offsetSeconds": 0}
