"""Credentials by the Airflow connection, and the host of Vertex AI."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.auth.impersonated_credentials import Credentials
from google.cloud.aiplatform_v1 import EndpointServiceClient, PipelineServiceClient

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.clients import make_client

ACCOUNT = "titleholder-worker@my-project.iam.gserviceaccount.com"
HOP = "hop@my-project.iam.gserviceaccount.com"


@pytest.fixture
def key() -> str:
    """A service account's key that Google does not know; nothing here calls Google."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return json.dumps(
        dict(  # noqa: C408  a literal would look like a secret
            type="service_account",
            project_id="other-project",
            private_key=pem.decode(),
            client_email="composer@my-project.iam.gserviceaccount.com",
            token_uri="https://oauth2.googleapis.com/token",
        )
    )


@pytest.mark.parametrize(("chain", "delegates"), [(ACCOUNT, []), (f"{HOP},{ACCOUNT}", [HOP])])
def test_credentials_impersonate_the_account_of_the_connection(
    key: str, chain: str, delegates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"project": "my-project", "keyfile_dict": key, "impersonation_chain": chain}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LEAST", json.dumps(connection))
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    environment = Environment("least")
    credentials = environment.credentials
    assert isinstance(credentials, Credentials)
    assert credentials.service_account_email == ACCOUNT
    assert (credentials._delegates or []) == delegates
    assert environment.project == "my-project"
    assert make_client(EndpointServiceClient, environment).transport._credentials is credentials


@pytest.fixture
def anonymous(monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    monkeypatch.setattr(Environment, "_connection", (AnonymousCredentials(), None, {}))
    return Environment("anonymous")


@pytest.mark.parametrize(
    ("api_host", "host"),
    [
        ("", "europe-west4-aiplatform.googleapis.com"),
        ("aiplatform-inside.p.googleapis.com", "aiplatform-inside.p.googleapis.com"),
        ("10.0.0.7:8443", "10.0.0.7:8443"),
    ],
)
def test_the_api_host_of_vertex_ai(
    anonymous: Environment, api_host: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLEHOLDER_VERTEX_API_HOST", api_host)
    for kind in (EndpointServiceClient, PipelineServiceClient):
        client = make_client(kind, anonymous)
        assert client.api_endpoint == host
        assert client.transport.host == (host if ":" in host else f"{host}:443")


@pytest.mark.parametrize("api_host", ["http://inside", "inside/v1", "-x", "a b", "inside:port"])
def test_an_invalid_api_host(
    anonymous: Environment, api_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLEHOLDER_VERTEX_API_HOST", api_host)
    with pytest.raises(EnvironmentConfigError, match="write a host alone"):
        make_client(EndpointServiceClient, anonymous)
