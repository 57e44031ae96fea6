"""Emulators must be on this machine, and receive no credentials."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud.aiplatform_v1 import EndpointServiceClient
from google.oauth2.credentials import Credentials

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.bigquery.client import bigquery_client
from titleholder.gcp.environment import Environment
from titleholder.gcp.loopback import BIGQUERY, STORAGE, VERTEX_AI
from titleholder.gcp.vertex.clients import make_client


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment with a real token."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    monkeypatch.setattr(Environment, "_connection", (Credentials(token="a-real-token"), None, {}))
    return Environment("real")


@contextmanager
def recording_server() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server on this machine that answers 404, and the headers of its requests."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append(dict(self.headers))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _endpoints(environment: Environment) -> Any:
    client = make_client(EndpointServiceClient, environment)
    return list(client.list_endpoints(parent="projects/p/locations/l"))


def _tables(environment: Environment) -> Any:
    with bigquery_client(environment) as client:
        return list(client.list_datasets())


def _template(environment: Environment) -> Any:
    return environment.template("gs://bucket/some.yaml")


SERVICES: dict[str, Callable[[Environment], Any]] = {
    VERTEX_AI: _endpoints,
    BIGQUERY: _tables,
    STORAGE: _template,
}


@pytest.mark.parametrize("variable", SERVICES)
def test_no_token_is_sent_to_an_emulator(
    environment: Environment, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording_server() as (url, received), suppress(NotFound, EnvironmentConfigError):
        monkeypatch.setenv(variable, url)
        SERVICES[variable](environment)
    assert received
    for headers in received:
        assert "authorization" not in {name.lower() for name in headers}
        assert "a-real-token" not in str(headers)


ELSEWHERE = [
    "http://evil.example.com",
    "https://europe-west4-aiplatform.googleapis.com",
    "http://10.0.0.7:9000",
    "http://0.0.0.0:9000",
    "http://127.0.0.1@evil.example.com",
    "@".join(("http://127.0.0.1:9000", "evil.example.com")),
    "http://127.0.0.1\\@evil.example.com",
    "http://user@127.0.0.1",
    "http://127.0.0.1.evil.example.com",
    "http://localhost.evil.example.com",
    "http://127.0.0.999:80",
    "http://127.1",
    "http://[::2]:9000",
    "http://127.0.0.1:9000/v1",
    "http://127.0.0.1#evil.example.com",
    "http://127.0.0.1:9000\n",
    "ftp://127.0.0.1",
    "127.0.0.1:9000",
    "evil",
]


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("variable", SERVICES)
def test_an_emulator_elsewhere_is_refused(
    environment: Environment, variable: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, url)
    message = f"{variable} is {url!r}, which is no address on this machine; write http://127.0.0.1:"
    with pytest.raises(EnvironmentConfigError, match=re.escape(message)):
        SERVICES[variable](environment)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000",
        "http://127.8.0.1:9000/",
        "http://localhost:9000",
        "http://[::1]:9000",
        "https://localhost",
    ],
)
def test_every_form_of_a_loopback_address_is_accepted(
    environment: Environment, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VERTEX_AI, url)
    assert make_client(EndpointServiceClient, environment).api_endpoint == url


def test_google_is_called_with_the_credentials(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in SERVICES:
        monkeypatch.setenv(variable, "")
    found = make_client(EndpointServiceClient, environment).transport
    assert found.host == "europe-west4-aiplatform.googleapis.com:443"
    assert found._credentials is environment.credentials
