"""Which service of the sandbox has which of Google's hosts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Regional hosts: https://cloud.google.com/vertex-ai/docs/reference/rest, and in their new form
# https://cloud.google.com/vertex-ai/docs/reference/rest#rep.
_SERVICES: Final = (
    (r"([a-z0-9-]+-)?aiplatform\.googleapis\.com", "vertex", "vertex-grpc"),
    (r"aiplatform\.[a-z0-9-]+\.rep\.googleapis\.com", "vertex", "vertex-grpc"),
    (r"(cloudresourcemanager|logging|monitoring)\.googleapis\.com", "vertex", "vertex-grpc"),
    (r"(iamcredentials|oauth2)\.googleapis\.com", "vertex", None),
    (r"(bigquery|www\.bigquery)\.googleapis\.com", "bigquery", None),
    (r"bigquerystorage\.googleapis\.com", None, "bigquery-storage"),
    (r"(storage|www)\.googleapis\.com", "storage", None),
)
_GOOGLE: Final = re.compile(
    r"(.+\.)?(googleapis\.com|vertexai\.goog|cloud\.goog|pkg\.dev)|metadata\.google\.internal"
)


@dataclass(frozen=True)
class Backend:
    """The names of a service's ports for HTTP and for gRPC; None for what it does not speak."""

    http: str | None
    grpc: str | None


class NotInSandbox(Exception):
    """The host is one of Google's, and no service of the sandbox has it; the text says so."""


def backend_of(host: str, port: int, ports: Mapping[str, int]) -> Backend | None:
    """The service that answers for `host`, None for a host that is not Google's.

    `ports` are the sandbox's. A dedicated endpoint's own host is `localhost:PORT` in the sandbox,
    and clients call it by https. Raises NotInSandbox.
    """
    if host == "localhost" and port == ports["vertex"]:
        return Backend("vertex", None)
    for pattern, http, grpc in _SERVICES:
        if re.fullmatch(pattern, host):
            return Backend(http, grpc)
    if _GOOGLE.fullmatch(host):
        raise NotInSandbox(f"the sandbox does not have {host}")
    return None
