"""The proxy's answers to CONNECT, and its end."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.gateway.certificates import Authority
from sandbox.gateway.proxy import Proxy
from tests.conftest import REPOSITORY
from tests.waiting import until

SERVICES = ("vertex", "vertex-grpc", "bigquery", "bigquery-storage", "storage")
PORTS = dict.fromkeys(SERVICES, 1)


async def with_proxy(folder: Path, use: Callable[[int], Awaitable[None]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    task = asyncio.create_task(Proxy(Authority(folder), PORTS).serve(port))
    try:
        await use(port)
    finally:
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the proxy, once it listens."""
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"a..b:443", "502 a..b:443 cannot be reached"),
        (b"a" * 64 + b":443", "cannot be reached"),
        (b"localhost:99999", "502 localhost:99999 cannot be reached"),
        (b"[::1]:1", "502 ::1:1 cannot be reached"),
        (b"\xff:443", "400 Bad request: use CONNECT HOST:PORT HTTP/1.1"),
        (b"localhost", "400 Bad request"),
        # The same host as without the dot.
        (b"compute.googleapis.com.:443", "501 the sandbox does not have compute.googleapis.com"),
        (b"us--aiplatform.googleapis.com:443", "502 us--aiplatform.googleapis.com is no name"),
        (b"a" * 64 + b"-aiplatform.googleapis.com:443", "is no name of a host"),
    ],
)
def test_every_target_has_an_answer(
    tmp_path: Path, target: bytes, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(port: int) -> None:
        reader, writer = await connected(port)
        writer.write(b"CONNECT " + target + b" HTTP/1.1\r\n\r\n")
        assert status in (await reader.read()).decode()
        writer.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(with_proxy(tmp_path, ask))
    assert not caplog.records


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_ends_while_clients_are_connected(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ports = [f"--{name}=1" for name in SERVICES]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.gateway", "--port", str(port)),
            *("--home", str(tmp_path), *ports),
        ],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: listens(port), "the gateway")
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            target = f"127.0.0.1:{server.getsockname()[1]}"
            client.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            assert b"200" in client.recv(100)
            process.terminate()
            # With Python 3.12, it could wait for its clients.
            assert process.communicate(timeout=5)[1] == ""
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
