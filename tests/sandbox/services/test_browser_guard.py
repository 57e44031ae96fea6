"""Neither web pages nor other machines can call the sandbox."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import psutil
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Blob, Client
from playwright.sync_api import Page, Request, Response, sync_playwright

from sandbox.services.browser_guard import is_browser_request
from tests.browser import CHROMIUM, needs_browser
from tests.conftest import Sandbox

EVIL = "http://evil.example"
OWN = "http://127.0.0.1:8080"
# The headers that Chromium sends for <img>, for a link that is followed, and for a typed address;
# none of them has an Origin.
IMAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
TYPED = {"Sec-Fetch-Site": "none", **LINK}
SERVICES = ["BIGQUERY", "STORAGE", "VERTEX_AI"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


@pytest.fixture
def stored_blob(sandbox: Sandbox) -> Iterator[Blob]:
    """An object with the content `kept`."""
    project, host = sandbox.env["GOOGLE_CLOUD_PROJECT"], sandbox.env["STORAGE_EMULATOR_HOST"]
    client = Client(project, AnonymousCredentials(), client_options={"api_endpoint": host})
    blob = client.bucket(f"{project}-titleholder").blob("kept")
    blob.upload_from_string(b"kept")
    yield blob
    blob.delete()
    client.close()


def paths(sandbox: Sandbox, service: str) -> list[str]:
    project = sandbox.env["GOOGLE_CLOUD_PROJECT"]
    bucket = f"{project}-titleholder"
    return {
        "BIGQUERY": ["/", f"/bigquery/v2/projects/{project}/datasets", "/nowhere"],
        "STORAGE": [
            f"/storage/v1/b/{bucket}",
            "/wipe",
            # A form on a page could send this, and replace a model.
            f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=evil/model.joblib",
        ],
        "VERTEX_AI": [
            f"/v1/projects/{project}/locations/us-central1/endpoints",
            "/sandbox/faults",
            "/healthz",
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
        {"Sec-Fetch-Site": "cross-site", **IMAGE},
        {"Sec-Fetch-Site": "cross-site", **LINK},
        {"Sec-Fetch-Site": "same-site", **IMAGE},
        # A stored object that is opened as a page.
        {"Sec-Fetch-Site": "same-origin", **IMAGE},
        {"Sec-Fetch-Site": "none", **IMAGE},
    ],
    ids=str,
)
def test_a_web_page_is_refused_and_can_read_nothing(
    sandbox: Sandbox, service: str, headers: dict[str, str]
) -> None:
    base = sandbox.env[f"{service}_EMULATOR_HOST"]
    with httpx.Client(base_url=base, verify=False, timeout=30) as http:
        for path in paths(sandbox, service):
            for method in METHODS:
                content = b"evil" if method in ("POST", "PUT", "PATCH") else None
                answer = http.request(method, path, headers=headers, content=content)
                assert answer.status_code == 403, (method, path, answer.text)
                assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("service", SERVICES)
def test_no_response_allows_a_page_to_read_it(sandbox: Sandbox, service: str) -> None:
    base = sandbox.env[f"{service}_EMULATOR_HOST"]
    with httpx.Client(base_url=base, verify=False, timeout=30) as http:
        for path in paths(sandbox, service):
            for method in ("GET", "OPTIONS"):
                answer = http.request(method, path)
                assert answer.status_code != 403
                assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_upload_by_a_page_is_not_stored(sandbox: Sandbox) -> None:
    base, bucket = sandbox.env["STORAGE_EMULATOR_HOST"], sandbox.env["GOOGLE_CLOUD_PROJECT"]
    place = f"{base}/storage/v1/b/{bucket}-titleholder/o/evil%2Fmodel.joblib"
    upload = f"{base}/upload/storage/v1/b/{bucket}-titleholder/o"
    send = {"params": {"uploadType": "media", "name": "evil/model.joblib"}, "content": b"evil"}
    httpx.post(upload, headers={"Origin": EVIL, "Content-Type": "text/plain"}, **send)
    assert httpx.get(place).status_code == 404
    assert httpx.post(upload, headers={"Content-Type": "text/plain"}, **send).status_code == 200
    assert httpx.get(place).status_code == 200
    assert httpx.delete(place).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", **IMAGE},
        TYPED,
        {"X-HTTP-Method-Override": "GET"},
    ],
    ids=str,
)
def test_nothing_wipes_cloud_storage(
    stored_blob: Blob, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    base = sandbox.env["STORAGE_EMULATOR_HOST"]
    with httpx.Client(base_url=base, verify=False, timeout=30, headers=headers) as http:
        for path in ("/wipe", "/wipe?keep-buckets=1", "/wipe;x", "/%77ipe"):
            for method in METHODS:
                assert not http.request(method, path).is_success, (method, path)
    assert stored_blob.download_as_bytes() == b"kept"


@pytest.mark.parametrize("service", SERVICES)
def test_a_typed_address_can_only_read(sandbox: Sandbox, service: str) -> None:
    base = sandbox.env[f"{service}_EMULATOR_HOST"]
    with httpx.Client(base_url=base, verify=False, timeout=30, headers=TYPED) as http:
        for path in paths(sandbox, service):
            assert http.get(path).status_code != 403
            for method in METHODS:
                if method not in ("GET", "HEAD"):
                    assert http.request(method, path).status_code == 403, (method, path)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site", **IMAGE}], ids=str)
def test_the_storage_read_api_speaks_no_http_1(sandbox: Sandbox, headers: dict[str, str]) -> None:
    base = sandbox.env["BIGQUERY_STORAGE_EMULATOR_HOST"].removeprefix("http://")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{base}/", headers=headers)


@pytest.mark.parametrize(
    ("method", "headers", "refused"),
    [
        ("GET", {}, False),
        ("POST", {"Origin": OWN, "Sec-Fetch-Site": "same-origin"}, False),
        ("GET", {"Sec-Fetch-Site": "same-origin", **IMAGE}, False),
        ("GET", TYPED, False),
        ("POST", TYPED, True),
        ("GET", {"Sec-Fetch-Site": "none", **IMAGE}, True),
        ("GET", {"Sec-Fetch-Site": "cross-site", **LINK}, True),
        ("GET", {"Sec-Fetch-Site": "same-site", **LINK}, True),
        ("GET", {"Sec-Fetch-Site": ""}, True),
        ("GET", {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"}, True),
        ("GET", {"Origin": OWN, "Sec-Fetch-Site": "cross-site"}, True),
        ("GET", {"Host": "evil.example:8080", "Sec-Fetch-Site": "same-origin"}, True),
    ],
)
def test_only_its_own_pages_may_call_airflow(
    method: str, headers: dict[str, str], refused: bool
) -> None:
    sent = httpx.Headers({"Host": "127.0.0.1:8080", **headers})
    assert is_browser_request(method, sent, own=True) is refused


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("storage.googleapis.com", False),
        # As Go's client sends it for an address with a port.
        ("storage.googleapis.com:443", False),
        ("Storage.GoogleAPIs.com", False),
        ("googleapis.com.evil.example", True),
        ("notgoogleapis.com", True),
    ],
)
def test_hosts_of_google_are_those_of_the_gateway(host: str, refused: bool) -> None:
    assert is_browser_request("GET", httpx.Headers({"Host": host})) is refused


@needs_browser
def test_a_page_in_a_browser_cannot_call_the_sandbox(
    stored_blob: Blob, sandbox: Sandbox, tmp_path: Path
) -> None:
    hosts = [sandbox.env[f"{service}_EMULATOR_HOST"] for service in SERVICES]
    (tmp_path / "index.html").write_text("<!doctype html><title>a page</title>")
    with serving(tmp_path) as port, browser_page() as page:
        sent: list[str] = []
        answers: dict[str, int] = {}

        def on_request(request: Request) -> None:
            sent.append(request.url)

        def on_response(answer: Response) -> None:
            answers[answer.url] = answer.status

        # For Chromium, localhost and 127.0.0.1 are different sites; two ports are the same site.
        for home in (f"http://localhost:{port}/", f"http://127.0.0.1:{port}/"):
            for host in hosts:
                page.goto(home)
                page.on("request", on_request)
                page.on("response", on_response)
                page.evaluate(SENDS, host)
                page.evaluate("url => { location.href = url }", f"{host}/wipe?link")
                page.wait_for_url(f"{host}/wipe?link")
                page.remove_listener("request", on_request)
                page.remove_listener("response", on_response)
        wanted = {f"{host}{path}" for host in hosts for path in ("/wipe?link", "/wipe?image")}
        assert wanted < set(sent)
        # Responses that Chromium hides from pages (opaque response blocking) are missing here.
        assert {f"{host}/wipe?link" for host in hosts} <= set(answers)
        assert set(answers.values()) == {403}, answers
        for host, path in zip(hosts, ("/readyz", "/", "/healthz"), strict=True):
            typed = page.goto(f"{host}{path}")
            assert typed is not None
            assert typed.status == 200
    assert stored_blob.download_as_bytes() == b"kept"


SENDS = """async host => {
    await fetch(`${host}/wipe`, {mode: 'no-cors'}).catch(() => {})
    await fetch(host, {mode: 'no-cors', method: 'POST', body: 'evil'}).catch(() => {})
    await new Promise(done => {
        const image = new Image()
        image.onload = image.onerror = done
        image.src = `${host}/wipe?image`
    })
}"""


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve the folder's files on 127.0.0.1, and yield the port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page in Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


def test_everything_listens_on_this_machine_only(sandbox: Sandbox) -> None:
    assert listens_on_loopback_only(sandbox)


def listens_on_loopback_only(sandbox: Sandbox) -> bool:
    """Whether a process listens on each port of the sandbox, and all listen on loopback only."""
    state = json.loads((sandbox.var / "sandbox.json").read_text())
    found = set()
    for running in state["processes"].values():
        process = psutil.Process(running["pid"])
        for member in (process, *process.children(recursive=True)):
            connections = []
            # A worker may have ended meanwhile.
            with suppress(psutil.NoSuchProcess):
                connections = member.net_connections("inet")
            for connection in connections:
                if connection.status == psutil.CONN_LISTEN:
                    found.add(connection.laddr.port)
                    ip = ip_address(connection.laddr.ip.removeprefix("::ffff:"))
                    assert ip.is_loopback, member.cmdline()
    return set(state["ports"].values()) <= found
