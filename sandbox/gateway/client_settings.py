"""The environment variables with which an unmodified program uses the sandbox as Google Cloud."""

import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

import certifi
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.gateway.certificates import Authority, write_private
from sandbox.state import LOOPBACK, Home, State

# The clients' own variables for emulators, and the addresses of the real service: with the gateway
# none of them is needed, and some change what a client does.
_REMOVED: Final = (
    "BIGQUERY_EMULATOR_HOST",
    "BIGQUERY_STORAGE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
    "VERTEX_AI_EMULATOR_HOST",
    "VERTEX_AI_GRPC_EMULATOR_HOST",
    "CLOUDSDK_CONFIG",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE",
    "GOOGLE_API_USE_MTLS_ENDPOINT",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
    # They would get what is called on this machine by http://localhost: see _NO_PROXY.
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
)
_PROXY: Final = ("HTTPS_PROXY", "https_proxy", "grpc_proxy")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy", "no_grpc_proxy")
# OpenSSL's and httpx's, requests', curl's, gRPC's, Node.js'.
_CERTIFICATES: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NODE_EXTRA_CA_CERTS",
)


def client_settings(home: Home, state: State) -> dict[str, str | None]:
    """Variables for a program's environment; None for one that must not be set.

    Writes the files that they name, readable by their owner only: the certificates, and the key of
    a service account that only this sandbox knows.
    """
    folder = home.data("gateway").resolve()
    authorities = folder / "certificates.pem"
    own = Authority(folder).certificate.read_bytes()
    write_private(authorities, Path(certifi.where()).read_bytes() + own)
    proxy = f"http://{LOOPBACK}:{state.ports['gateway']}"
    return {
        **dict.fromkeys(_REMOVED),
        **dict.fromkeys(_PROXY, proxy),
        # Not `localhost`, which is the host of dedicated endpoints.
        **dict.fromkeys(_NO_PROXY, f"{LOOPBACK},::1"),
        **dict.fromkeys(_CERTIFICATES, str(authorities)),
        "GOOGLE_APPLICATION_CREDENTIALS": str(_service_account(folder, state.project)),
        "GOOGLE_CLOUD_PROJECT": state.project,
        "CLOUDSDK_CORE_PROJECT": state.project,
        "GOOGLE_CLOUD_LOCATION": state.location,
        "GOOGLE_CLOUD_REGION": state.location,
        "NO_GCE_CHECK": "true",
    }


def set_variables(
    environ: MutableMapping[str, str], variables: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Set these variables, remove those that are None, and return what was there before."""
    before = {name: environ.get(name) for name in variables}
    for name, value in variables.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    return before


def _service_account(folder: Path, project: str) -> Path:
    """The file of the service account, with the key of an earlier one."""
    path, key = folder / "service-account.json", folder / "service-account.key"
    if not key.exists():
        created = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        write_private(key, created.private_bytes(encoding, kind, serialization.NoEncryption()))
    email = f"sandbox@{project}.iam.gserviceaccount.com"
    account: dict[str, Any] = {
        "type": "service_account",
        "project_id": project,
        "client_email": email,
        "client_id": "100000000000000000001",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    account["private_key_id"], account["private_key"] = "sandbox", key.read_text(encoding="ascii")
    write_private(path, json.dumps(account, indent=2).encode())
    return path
