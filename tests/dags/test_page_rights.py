"""A user sees only the models whose DAGs Airflow's auth manager permits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.services.processes import free_port
from tests.conftest import REPOSITORY
from tests.dags.conftest import LAST_MONDAY, Google, Model, reserialize

PASSWORDS = {"ann": "annspassword", "bob": "bobspassword"}


@pytest.fixture
def models(model: Callable[..., Model], google: Google) -> tuple[Model, Model, Model]:
    """Three models with DAGs in Airflow's database; the first has had one run."""
    made = model(), model(), model()
    assert made[0].run(LAST_MONDAY).state == "success"
    reserialize()
    return made


@pytest.fixture
def server(
    airflow_home: Path, models: tuple[Model, Model, Model], tmp_path: Path
) -> Iterator[httpx.Client]:
    """Airflow's API server with the users ann, who may trigger DAGs, and bob, who may only read,
    and that the first model and one DAG of the second."""
    first, second, _ = models
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    port = free_port(None)
    environ = os.environ | {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.dags.two_users.TwoUsers",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ann:user,bob:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "BOBS_DAGS": f"{first.name}__train,{first.name}__rollout,{second.name}__rollout",
        "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}",
    }
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "airflow", "api-server", "--apps", "core"),
                *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            ],
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while not _answers(client):
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v2/version").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_user_sees_only_permitted_models(
    server: httpx.Client, models: tuple[Model, Model, Model]
) -> None:
    first, second, third = models

    def page(user: str | None, model: str = "") -> httpx.Response:
        headers = {}
        if user:
            credentials = {"username": user, "password": PASSWORDS[user]}
            token = server.post("/auth/token", json=credentials).json()["access_token"]
            # As a browser sends it.
            headers["Cookie"] = f"_token={token}"
        asked = {"model": model} if model else {}
        while True:
            answer = server.get("/titleholder/", params=asked, headers=headers)
            # As a browser reloads an unfinished page.
            if 'http-equiv="refresh"' not in answer.text:
                return answer
            time.sleep(0.2)

    def shown(answer: httpx.Response) -> list[str]:
        return [one.name for one in models if f'<section id="{one.name}"' in answer.text]

    ann, bob = page("ann"), page("bob")
    assert (ann.status_code, bob.status_code) == (200, 200)
    assert all(one.name in ann.text for one in models)
    assert shown(bob) == [first.name]
    assert second.name not in bob.text, "one of its two DAGs is not bob's"
    assert third.name not in bob.text
    assert "champion 100 %" in bob.text
    assert shown(page("ann", third.name)) == [third.name]
    for answer in (page("ann", first.name), bob):
        assert '<span class="chip run good">succeeded</span>' in answer.text

    for named in (second.name, third.name, "missing", "<script>"):
        answer = page("bob", named)
        assert answer.status_code == 404
        assert shown(answer) == []
        assert "<script>" not in answer.text

    anonymous = page(None)
    assert anonymous.status_code == 401
    assert shown(anonymous) == []
    assert "/auth/login" in anonymous.text
    for wrong in ("_token=x", "_token=" + "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."):
        answer = server.get("/titleholder/", headers={"Cookie": wrong})
        assert answer.status_code in (401, 403)
        assert shown(answer) == []

    policy = ann.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("frame-ancestors 'self'")
    assert ann.headers["cache-control"] == "no-store"
    assert server.post("/titleholder/").status_code == 405
    for path in ("docs", "redoc", "openapi.json", "../api/v2/dags"):
        assert server.get(f"/titleholder/{path}").status_code in (401, 404)
