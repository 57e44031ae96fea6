"""The environment variables with which an unmodified program uses the sandbox as Google Cloud."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

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


def certificates(home: Home) -> Path:
    """The file of the public certificates and the gateway's own (client_files.py)."""
    return home.data("gateway").resolve() / "certificates.pem"


def service_account(home: Home) -> Path:
    """The file of the service account that only this sandbox knows (client_files.py)."""
    return home.data("gateway").resolve() / "service-account.json"


def client_settings(home: Home, state: State) -> dict[str, str | None]:
    """Variables for a program's environment; None for one that must not be set. The files that
    they name are there since the gateway was started."""
    proxy = f"http://{LOOPBACK}:{state.ports['gateway']}"
    return {
        **dict.fromkeys(_REMOVED),
        **dict.fromkeys(_PROXY, proxy),
        # Not `localhost`, which is the host of dedicated endpoints.
        **dict.fromkeys(_NO_PROXY, f"{LOOPBACK},::1"),
        **dict.fromkeys(_CERTIFICATES, str(certificates(home))),
        "GOOGLE_APPLICATION_CREDENTIALS": str(service_account(home)),
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
