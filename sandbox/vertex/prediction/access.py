"""How an endpoint answers: at which host, how large a request, and how long it may take. No I/O.

Sources: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type, and
ClientConnectionConfig in google/cloud/aiplatform/v1/endpoint.proto.
"""

from dataclasses import dataclass, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest request in bytes, and the longest time of a response in seconds."""

    size: int
    seconds: float


SHARED: Final = Limits(1_500_000, 60)
"""Of shared public endpoints."""
DEDICATED: Final = Limits(10_000_000, 600)
"""Of dedicated endpoints, and those with Private Service Connect, without a timeout of theirs."""
LONGEST_SECONDS: Final = 3600
"""The longest timeout that an endpoint can have."""


@dataclass(frozen=True, slots=True)
class Access:
    """The fields of an endpoint that every prediction needs."""

    dedicated: bool
    private: bool
    """Whether it has Private Service Connect."""
    timeout: float
    """Seconds; 0 if the endpoint has none of its own."""

    @property
    def isolated(self) -> bool:
        """Whether it shares its servers with no other endpoint of Google's customers."""
        return self.dedicated or self.private

    def limits(self, shared: Limits, dedicated: Limits) -> Limits:
        """The limits of one request, given those of the types of endpoints."""
        if not self.isolated:
            return shared
        return replace(dedicated, seconds=self.timeout) if self.timeout else dedicated


def access_of(endpoint: Any) -> Access:
    """The Access of an Endpoint."""
    return Access(
        endpoint.dedicated_endpoint_enabled,
        endpoint.private_service_connect_config.enable_private_service_connect,
        timeout_of(endpoint),
    )


def timeout_of(endpoint: Any) -> float:
    """The seconds of `client_connection_config.inference_timeout`, 0 if there are none."""
    timeout = endpoint.client_connection_config.inference_timeout
    return float(timeout.total_seconds()) if timeout is not None else 0.0
