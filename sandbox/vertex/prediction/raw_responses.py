"""Responses of model servers that are passed on as they are."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from starlette.types import Message, Send

from sandbox.vertex.prediction.model_client import Reply

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RawReply:
    """A whole response, and further headers."""

    reply: Reply
    headers: Mapping[str, str]

    async def send(self, send: Send) -> None:
        """Send it."""
        more = {"Content-Length": str(len(self.reply.content))}
        if self.reply.content_type:
            more["Content-Type"] = self.reply.content_type
        await send(_start(self.reply.status, {**self.headers, **more}))
        await send({"type": "http.response.body", "body": self.reply.content})


@dataclass(frozen=True, slots=True)
class RawStream:
    """A response that has begun: its status, its headers, and the chunks of its body."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]
    """Ends the request to the model server."""

    async def send(self, send: Send) -> None:
        """Send it as it comes. If it breaks off, or takes too long, it stays incomplete, by which
        the client notices."""
        try:
            await send(_start(self.status, self.headers))
            async for chunk in self.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (TimeoutError, aiohttp.ClientError) as error:
            _LOG.warning("A model server's stream broke off: %r", error)
            return
        finally:
            await self.close()
        await send({"type": "http.response.body", "body": b""})


def _start(status: int, headers: Mapping[str, str]) -> Message:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}
