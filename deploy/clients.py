"""Google's clients, each with an emulator at the address in a variable."""

from collections.abc import Callable
from typing import Any, TypeVar

from google.cloud.storage import Client

from titleholder.gcp.loopback import STORAGE, emulator

T = TypeVar("T")


def make_client(kind: Callable[..., T], variable: str, credentials: Any) -> T:
    """A client of the class `kind`; over REST if the variable names an emulator. Raises
    EnvironmentConfigError for an address that is not on this machine."""
    host = emulator(variable)
    if host is None:
        return kind(credentials=credentials)
    return kind(credentials=credentials, transport="rest", client_options={"api_endpoint": host})


def storage_client(project: str, credentials: Any) -> Client:
    """A client of Cloud Storage, which has REST only; raises as `make_client`."""
    host = emulator(STORAGE)
    options = {"api_endpoint": host} if host else None
    return Client(project, credentials=credentials, client_options=options)
