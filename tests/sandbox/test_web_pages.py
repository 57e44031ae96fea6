"""No web page reaches the sandbox, and nothing beyond this machine does."""

import json
from ipaddress import ip_address

import httpx
import psutil
import pytest

from tests.conftest import Sandbox

EVIL = "http://evil.example"
SERVICES = ["BIGQUERY", "STORAGE", "VERTEX_AI"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


def paths(sandbox: Sandbox, service: str) -> list[str]:
    project = sandbox.env["GOOGLE_CLOUD_PROJECT"]
    bucket = f"{project}-titleholder"
    return {
        "BIGQUERY": ["/", f"/bigquery/v2/projects/{project}/datasets", "/nowhere"],
        "STORAGE": [
            f"/storage/v1/b/{bucket}",
            # As a form on a page could send it: it would put a model in place of another.
            f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=evil/model.joblib",
        ],
        "VERTEX_AI": [
            f"/v1/projects/{project}/locations/us-central1/endpoints",
            "/sandbox/faults",
            "/nowhere",
        ],
    }[service]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": EVIL, "Access-Control-Request-Method": "POST"},
    ],
    ids=str,
)
def test_a_page_is_refused_and_may_read_nothing(
    sandbox: Sandbox, service: str, headers: dict[str, str]
) -> None:
    base = sandbox.env[f"{service}_EMULATOR_HOST"]
    with httpx.Client(base_url=base, timeout=30) as http:
        for path in paths(sandbox, service):
            for method in METHODS:
                content = b"evil" if method in ("POST", "PUT", "PATCH") else None
                answer = http.request(method, path, headers=headers, content=content)
                assert answer.status_code == 403, (method, path, answer.text)
                assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("service", SERVICES)
def test_no_answer_lets_a_page_read_it(sandbox: Sandbox, service: str) -> None:
    base = sandbox.env[f"{service}_EMULATOR_HOST"]
    with httpx.Client(base_url=base, timeout=30) as http:
        for path in paths(sandbox, service):
            for method in ("GET", "OPTIONS"):
                answer = http.request(method, path)
                assert answer.status_code != 403
                assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_a_page_sent_was_not_stored(sandbox: Sandbox) -> None:
    base, bucket = sandbox.env["STORAGE_EMULATOR_HOST"], sandbox.env["GOOGLE_CLOUD_PROJECT"]
    place = f"{base}/storage/v1/b/{bucket}-titleholder/o/evil%2Fmodel.joblib"
    upload = f"{base}/upload/storage/v1/b/{bucket}-titleholder/o"
    send = {"params": {"uploadType": "media", "name": "evil/model.joblib"}, "content": b"evil"}
    httpx.post(upload, headers={"Origin": EVIL, "Content-Type": "text/plain"}, **send)
    assert httpx.get(place).status_code == 404
    assert httpx.post(upload, headers={"Content-Type": "text/plain"}, **send).status_code == 200
    assert httpx.get(place).status_code == 200
    assert httpx.delete(place).is_success


def test_everything_listens_on_this_machine_only(sandbox: Sandbox) -> None:
    assert listens_here_only(sandbox)


def listens_here_only(sandbox: Sandbox) -> bool:
    """Whether each port that the sandbox names is listened on, and nothing beyond this machine."""
    state = json.loads((sandbox.var / "sandbox.json").read_text())
    found = set()
    for running in state["processes"].values():
        process = psutil.Process(running["pid"])
        for member in (process, *process.children(recursive=True)):
            for connection in member.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add(connection.laddr.port)
                    ip = ip_address(connection.laddr.ip.removeprefix("::ffff:"))
                    assert ip.is_loopback, member.cmdline()
    return set(state["ports"].values()) <= found
