"""A request to an application in this process: its response arrives whole, or not."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from sandbox.vertex.rpc.exchange import ConnectionLost, Exchange
from sandbox.vertex.rpc.transcoding import HttpRequest

REQUEST = HttpRequest("POST", "/x", "", "application/json", b"")
CHUNKS = [b"%d" % number for number in range(100)]


def application(fails: bool) -> object:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for chunk in CHUNKS:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if fails:
            raise OSError
        await send({"type": "http.response.body", "body": b""})

    return respond


async def read_slowly(fails: bool, chunks: list[bytes]) -> None:
    async with Exchange(application(fails), REQUEST, "host") as exchange:  # type: ignore[arg-type]
        assert await exchange.head() == (200, {})
        async for chunk in exchange.body():
            chunks.append(chunk)
            # The application gets as far as it can in the meantime.
            for _ in range(50):
                await asyncio.sleep(0)


def test_a_slow_reader_gets_every_chunk() -> None:
    chunks: list[bytes] = []
    asyncio.run(read_slowly(False, chunks))
    assert chunks == CHUNKS


def test_a_response_that_breaks_off_has_no_gap() -> None:
    chunks: list[bytes] = []
    with pytest.raises(ConnectionLost):
        asyncio.run(read_slowly(True, chunks))
    assert chunks == CHUNKS[: len(chunks)]
