"""Sends requests to the replicas of a deployed model."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from sandbox.containers.deployment import Deployment
from sandbox.vertex.http.errors import DeadlineExceeded, Unavailable

# Shorter than the idle time after which uvicorn, as most servers, closes a connection.
_KEEP_ALIVE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The response of a model server."""

    status: int
    content_type: str
    content: bytes


class ModelClient:
    """An HTTP client with kept connections; used in one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        deployment: Deployment,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Reply:
        """The response to a POST request; `path` is percent-encoded, and may have a query.

        A request whose connection breaks is sent again, to another replica if there is one. Raises
        Unavailable if no replica is healthy, DeadlineExceeded after `seconds`.
        """
        session = self._open()
        broken: dict[str, int] = {}
        # A kept connection may have been closed by the server: its replica gets a second try.
        while replica := deployment.pick(frozenset(a for a, n in broken.items() if n > 1)):
            address = replica.address
            try:
                async with session.post(
                    URL(address + path, encoded=True),
                    data=io.BytesIO(body),
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    allow_redirects=False,
                ) as response:
                    content = await response.read()
                    kind = response.headers.get("Content-Type", "")
                    return Reply(response.status, kind, content)
            except TimeoutError as error:
                raise DeadlineExceeded(
                    f"The model server did not respond within {seconds:g} s; send fewer instances, "
                    "or use a dedicated endpoint, which waits longer."
                ) from error
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                broken[address] = broken.get(address, 0) + 1
            except aiohttp.ClientError as error:
                raise Unavailable(f"The model server's response is no HTTP ({error}).") from error
        raise Unavailable("No replica of the deployed model is healthy now; repeat the request.")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            )
        return self._session
