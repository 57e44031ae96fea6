"""Sends requests to the replicas of a deployed model."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from yarl import URL

from sandbox.containers.deployment import Deployment
from sandbox.vertex.http.errors import DeadlineExceeded, Unavailable

# Shorter than the idle time after which uvicorn, as most servers, closes a connection.
_KEEP_ALIVE_SECONDS = 4.0

T = TypeVar("T")


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

        async def attempt(address: str) -> Reply:
            async with await self._send(address + path, body, headers, seconds) as response:
                return await _read(response)

        return await self._attempt(deployment, attempt, seconds)

    @asynccontextmanager
    async def stream(
        self,
        deployment: Deployment,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
    ) -> AsyncIterator[aiohttp.ClientResponse | Reply]:
        """As `post`, but the content of a successful response is not yet read: reading it raises
        TimeoutError `seconds` after the request, and aiohttp.ClientError if the connection breaks.
        """

        async def attempt(address: str) -> aiohttp.ClientResponse | Reply:
            response = await self._send(address + path, body, headers, seconds)
            if 200 <= response.status < 300:
                return response
            async with response:
                return await _read(response)

        found = await self._attempt(deployment, attempt, seconds)
        if isinstance(found, Reply):
            yield found
            return
        async with found:
            yield found

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _attempt(
        self, deployment: Deployment, attempt: Callable[[str], Awaitable[T]], seconds: float
    ) -> T:
        """The result of `attempt` at the address of a replica."""
        broken: dict[str, int] = {}
        # A kept connection may have been closed by the server: its replica gets a second try.
        while replica := deployment.pick(frozenset(a for a, n in broken.items() if n > 1)):
            address = replica.address
            try:
                return await attempt(address)
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

    async def _send(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            )
        return await self._session.post(
            URL(url, encoded=True),
            data=io.BytesIO(body),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
        )


async def _read(response: aiohttp.ClientResponse) -> Reply:
    content = await response.read()
    return Reply(response.status, response.headers.get("Content-Type", ""), content)
