"""Addresses of emulators of Google services, which must be on this machine."""

import ipaddress
import os
import re
from typing import TYPE_CHECKING, Any

from titleholder.errors import EnvironmentConfigError

if TYPE_CHECKING:
    from titleholder.gcp.environment import Environment

BIGQUERY = "BIGQUERY_EMULATOR_HOST"
STORAGE = "STORAGE_EMULATOR_HOST"
VERTEX_AI = "VERTEX_AI_EMULATOR_HOST"

# No other parts: two libraries could interpret them differently.
_BASE_URL = r"https?://(localhost|[0-9.]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?"


def emulator(variable: str) -> str | None:
    """The base URL in the environment variable; None when it is not set or empty.

    Raises EnvironmentConfigError for any other than a URL on a loopback address, which alone may
    replace Google.
    """
    url = os.environ.get(variable)
    if not url:
        return None
    match = re.fullmatch(_BASE_URL, url)
    if match is None or not is_loopback(match[1].strip("[]")):
        raise EnvironmentConfigError(
            f"{variable} is {url!r}, which is no address on this machine; write "
            "http://127.0.0.1:PORT, or unset it to use Google Cloud"
        )
    return url


def credentials_for(variable: str, environment: "Environment") -> Any:
    """The credentials for a service's client: the environment's, or anonymous ones where the
    variable names an emulator, which uses http. Raises EnvironmentConfigError, as `emulator`
    does."""
    if emulator(variable) is None:
        return environment.credentials
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()  # type: ignore[no-untyped-call]


def is_loopback(host: str) -> bool:
    """Whether the host is a loopback address or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
