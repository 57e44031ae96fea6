"""Cloud Logging, by REST: what its clients send, and what is refused."""

from typing import Any

import pytest

from sandbox.vertex.cloud.log_entries import LARGEST_WRITE

TIME = "2026-01-05T08:00:00Z"


def log_of(name: str) -> str:
    return f"projects/demo/logs/{name}"


def write(vertex: Any, *entries: Any, code: int = 200, **fields: Any) -> Any:
    """The response to a call that writes these entries."""
    body = {"resource": {"type": "global"}, "entries": list(entries), **fields}
    response = vertex.http.post("/v2/entries:write", json=body)
    assert response.status_code == code, response.text
    return response.json()


def read(vertex: Any, log: str, **fields: Any) -> Any:
    body = {"resourceNames": ["projects/demo"], "filter": f'logName="{canonical(log)}"', **fields}
    response = vertex.http.post("/v2/entries:list", json=body)
    assert response.status_code == 200, response.text
    return response.json().get("entries", [])


def canonical(log: str) -> str:
    return log.replace("demo", "100000000001")


def test_entries_have_the_fields_of_their_call(vertex: Any) -> None:
    log = log_of("fields")
    own = {"textPayload": "own", "labels": {"a": "own"}, "resource": {"type": "k8s_pod"}}
    write(vertex, {"jsonPayload": {"b": 1}}, own, logName=log, labels={"a": "all", "c": "all"})
    by_payload = {entry.get("textPayload", ""): entry for entry in read(vertex, log)}
    plain, special = by_payload[""], by_payload["own"]
    assert plain["logName"] == special["logName"] == canonical(log)
    assert (plain["labels"], plain["resource"]) == ({"a": "all", "c": "all"}, {"type": "global"})
    assert special["labels"] == {"a": "own", "c": "all"}
    assert special["resource"] == {"type": "k8s_pod"}
    assert plain["insertId"] != special["insertId"]
    assert plain["timestamp"] == plain["receiveTimestamp"]


def test_an_entry_that_is_sent_twice_is_stored_once(vertex: Any) -> None:
    log = log_of("twice")
    entry = {"logName": log, "insertId": "1", "timestamp": TIME, "textPayload": "first"}
    write(vertex, entry)
    write(vertex, {**entry, "textPayload": "second"}, {**entry, "insertId": "2"})
    assert [one["textPayload"] for one in read(vertex, log)] == ["second", "first"]


def test_a_dry_run_writes_nothing(vertex: Any) -> None:
    write(vertex, {"logName": log_of("dry"), "textPayload": "x"}, dryRun=True)
    assert read(vertex, log_of("dry")) == []


def test_entries_are_filtered_ordered_and_paged(own_vertex: Any) -> None:
    log = log_of("many")
    times = [f"2026-01-05T08:00:0{second}Z" for second in (2, 0, 1)]
    for severity, time in zip(("ERROR", "INFO", "WARNING"), times, strict=True):
        write(own_vertex, {"logName": log, "timestamp": time, "severity": severity})
    own_vertex.restart()
    assert [one["severity"] for one in read(own_vertex, log)] == ["INFO", "WARNING", "ERROR"]
    newest = read(own_vertex, log, orderBy="timestamp desc", pageSize=2)
    assert [one["severity"] for one in newest] == ["ERROR", "WARNING"]
    for condition, found in {
        "severity > INFO": 2,
        "severity = INFO": 1,
        "severity != INFO AND timestamp < '2026-01-05T08:00:02Z'": 1,
        'resource.type = "global"': 3,
    }.items():
        assert len(read(own_vertex, log, filter=condition)) == found, condition
    logs = own_vertex.http.get("/v2/projects/demo/logs").json()
    assert logs == {"logNames": [canonical(log)]}
    assert own_vertex.http.delete(f"/v2/{log}").json() == {}
    assert read(own_vertex, log) == []
    assert own_vertex.http.delete(f"/v2/{log}").status_code == 404


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ({"logName": "mine"}, 400, "Invalid log_name 'mine': it must be projects/PROJECT/logs/LOG"),
        ({"logName": log_of("bad name")}, 400, "Invalid log_name"),
        ({"logName": log_of("a/b")}, 400, "a slash in LOG as %2F"),
        ({"logName": log_of("x"), "resource": {"labels": {}}}, 400, "resource.type is required"),
        ({"logName": "projects/other-project/logs/x"}, 403, "this sandbox is the project demo"),
        ({"logName": log_of("x"), "severity": "LOUD"}, 400, "LOUD"),
        ({"logName": log_of("x"), "textPayload": "x" * LARGEST_WRITE}, 400, "has more than"),
    ],
)
def test_an_invalid_entry_is_refused_with_its_whole_call(
    vertex: Any, entry: Any, code: int, message: str
) -> None:
    valid = {"logName": log_of("refused"), "resource": {"type": "global"}}
    answer = write(vertex, valid, entry, code=code, resource={})
    assert message in answer["error"]["message"]
    assert read(vertex, log_of("refused")) == []


def test_a_list_names_its_project(vertex: Any) -> None:
    for names, code in (([], 400), (["projects/other-project"], 403)):
        response = vertex.http.post("/v2/entries:list", json={"resourceNames": names})
        assert response.status_code == code
