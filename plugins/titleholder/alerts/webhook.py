"""Sends a message to the incoming webhook of an Airflow connection.

The address is a secret, as it is all that posting needs: it is the connection's password, which
Airflow encrypts, hides and masks, and it is in no message, log or exception of this file.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from titleholder.gcp.loopback import is_loopback

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


class DeliveryError(Exception):
    """The message did not arrive; the text says why, without the address."""


def webhook_of(connection: str) -> str | None:
    """The address that the connection holds; None when there is no such connection.

    Raises DeliveryError for a connection without an address, an address that is not https (http to
    loopback is allowed), and where Airflow denies access to the connection.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import (
        AirflowNotFoundException,
        AirflowSecretsBackendAccessDenied,
    )
    from airflow.sdk.log import mask_secret

    try:
        found = Connection.get(connection)
    except AirflowNotFoundException:
        return None
    except AirflowSecretsBackendAccessDenied:
        # github.com/apache/airflow/pull/66141
        raise DeliveryError(
            "Airflow 3.3 lets no deadline's callback read a connection from its database; keep it "
            f"in a secrets backend or in AIRFLOW_CONN_{connection.upper()}"
        ) from None
    url = str(found.password or "")
    if not url:
        raise DeliveryError("it has no password; put the whole address of the webhook there")
    mask_secret(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise DeliveryError("its password is no address") from None
    # An exception of another library may quote the path alone.
    for secret in (parts.path, parts.query):
        if len(secret) > 8:
            mask_secret(secret)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise DeliveryError("its password is no https address")
    return url


def post(url: str, message: Mapping[str, Any]) -> None:
    """Post the message as JSON. Raises DeliveryError."""
    import requests

    try:
        with _unlogged():
            answer = requests.post(
                url,
                json=message,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                # The connection names no other host.
                allow_redirects=False,
                # The body of the answer is not needed, and could be endless.
                stream=True,
            )
            answer.close()
    except requests.Timeout:
        raise DeliveryError("it did not answer in time") from None
    except requests.ConnectionError:
        raise DeliveryError("it cannot be reached") from None
    except Exception as error:
        # Its text may quote the address.
        raise DeliveryError(f"the request failed ({type(error).__name__})") from None
    if not answer.ok or answer.is_redirect:
        raise DeliveryError(f"it answered {answer.status_code}")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Turn off a log of urllib3, which has the path of every request at DEBUG."""
    log = logging.getLogger("urllib3.connectionpool")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
