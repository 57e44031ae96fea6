"""Which service has which host."""

import pytest

from sandbox.gateway.hosts import Backend, NotInSandbox, backend_of

PORTS = {"vertex": 8000}
VERTEX = Backend("vertex", "vertex-grpc")


@pytest.mark.parametrize(
    ("host", "backend"),
    [
        ("us-central1-aiplatform.googleapis.com", VERTEX),
        ("aiplatform.googleapis.com", VERTEX),
        ("aiplatform.us-central1.rep.googleapis.com", VERTEX),
        ("cloudresourcemanager.googleapis.com", VERTEX),
        ("logging.googleapis.com", VERTEX),
        ("monitoring.googleapis.com", VERTEX),
        ("oauth2.googleapis.com", Backend("vertex", None)),
        ("bigquery.googleapis.com", Backend("bigquery", None)),
        ("bigquerystorage.googleapis.com", Backend(None, "bigquery-storage")),
        ("storage.googleapis.com", Backend("storage", None)),
        # Not Google's: a tunnel.
        ("pypi.org", None),
        ("googleapis.com.example.com", None),
        ("aiplatform.googleapis.com.example.com", None),
        ("notgoogleapis.com", None),
    ],
)
def test_a_host_has_one_service_or_is_outside(host: str, backend: Backend | None) -> None:
    assert backend_of(host, 443, PORTS) == backend


def test_a_dedicated_endpoint_has_the_port_of_vertex_ai() -> None:
    assert backend_of("localhost", 8000, PORTS) == Backend("vertex", None)
    assert backend_of("localhost", 8001, PORTS) is None


@pytest.mark.parametrize(
    "host",
    [
        "compute.googleapis.com",
        "googleapis.com",
        "a.b.prediction.vertexai.goog",
        "metadata.google.internal",
        "us-docker.pkg.dev",
    ],
)
def test_no_call_reaches_the_real_google(host: str) -> None:
    with pytest.raises(NotInSandbox, match=f"the sandbox does not have {host}"):
        backend_of(host, 443, PORTS)
