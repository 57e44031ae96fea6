"""Access tokens and projects, as Google's clients ask for them."""

from typing import Any

import pytest

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_a_key_gets_a_token_and_nothing_else_does(vertex: Any) -> None:
    host = {"Host": "oauth2.googleapis.com"}
    sent = {"grant_type": GRANT, "assertion": "a.b.c"}
    first, second = (
        vertex.http.post("/token", data=sent, headers=host).raise_for_status().json()
        for _ in range(2)
    )
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] > 0
    assert first["access_token"] != second["access_token"]
    for wrong in ({"grant_type": GRANT}, {"assertion": "a"}, {"grant_type": "password"}, {}):
        response = vertex.http.post("/token", data=wrong, headers=host)
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")
    assert vertex.http.post("/token", data=sent).status_code == 404, "Vertex AI has no such path"


def test_an_account_may_be_used_everywhere(vertex: Any) -> None:
    response = vertex.http.get(
        "/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com/allowedLocations",
        headers={"Host": "iamcredentials.googleapis.com"},
    )
    assert response.json() == {"locations": [], "encodedLocations": "0x0"}


@pytest.mark.parametrize(("name", "code"), [("demo", 200), ("100000000001", 200), ("other", 403)])
def test_there_is_one_project(vertex: Any, name: str, code: int) -> None:
    response = vertex.http.get(f"/v3/projects/{name}")
    assert response.status_code == code
    if code == 200:
        assert response.json() == {
            "name": "projects/100000000001",
            "projectId": "demo",
            "displayName": "demo",
            "state": "ACTIVE",
        }
