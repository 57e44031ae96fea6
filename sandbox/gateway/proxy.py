"""The proxy: `CONNECT host:443`, then TLS as that host, then the bytes of a service's port."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Mapping
from typing import Final

from sandbox.gateway.certificates import Authority
from sandbox.gateway.hosts import NotInSandbox, backend_of
from sandbox.state import LOOPBACK

_LOG: Final = logging.getLogger(__name__)
_CONNECT: Final = re.compile(
    rb"CONNECT (?:(\w[\w.-]*)|\[([0-9a-fA-F:.]+)\]):(\d{1,5}) HTTP/1\.[01]\r\n"
)
_CHUNK: Final = 1 << 18
_SECONDS: Final = 30.0  # for a request, a handshake and a connection to another machine


class Refused(Exception):
    """The request is answered with this status line's end, such as `400 Bad request`."""


class Proxy:
    """Leads Google's hosts to the sandbox's `ports`, and tunnels to other hosts as any proxy."""

    def __init__(self, authority: Authority, ports: Mapping[str, int]) -> None:
        self._authority = authority
        self._ports = ports

    async def serve(self, port: int) -> None:
        """Serve on loopback until it is cancelled; raises OSError for a port that is in use."""
        server = await asyncio.start_server(self._accept, LOOPBACK, port)
        try:
            # `serve_forever` would wait for the end of all connections: since Python 3.12.
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve_one(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # either side has gone, or sent no HTTP
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio would log it
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            try:
                host, port = _target(head)
                backend = backend_of(host, port, self._ports)
            except NotInSandbox as error:
                await _answer(writer, f"501 {error}")
                return
            except Refused as error:
                await _answer(writer, str(error))
                return
            if backend is None:
                try:
                    other = await asyncio.open_connection(host, port)
                except (OSError, OverflowError, UnicodeError) as error:
                    await _answer(writer, f"502 {host}:{port} cannot be reached: {error}")
                    return
                await _answer(writer, "200 Connection established")
            else:
                try:
                    context = self._authority.context(host)
                except UnicodeError as error:  # a label that is too long, for example
                    await _answer(writer, f"502 {host} is no name of a host: {error}")
                    return
                # The client's next bytes are TLS, and must not be read before that starts.
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                await _answer(writer, "200 Connection established")
                await writer.start_tls(context)
                chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
                name = backend.grpc if chosen == "h2" else backend.http
                if name is None:
                    _LOG.warning("%s does not speak %s in the sandbox", host, chosen or "HTTP/1.1")
                    return
                other = await asyncio.open_connection(LOOPBACK, self._ports[name])
        await _join((reader, writer), other)


def _target(head: bytes) -> tuple[str, int]:
    """The host and port of a request's head; raises Refused."""
    if not head.startswith(b"CONNECT "):
        raise Refused("405 This is a proxy for https alone: only CONNECT is allowed")
    found = _CONNECT.match(head)
    if found is None:
        raise Refused("400 Bad request: use CONNECT HOST:PORT HTTP/1.1")
    # A name may end with a dot, and is the same then.
    return (found[1] or found[2]).decode("ascii").lower().rstrip("."), int(found[3])


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    line = "".join(part if part.isprintable() else " " for part in status)
    writer.write(f"HTTP/1.1 {line}\r\n\r\n".encode("ascii", "replace"))
    await writer.drain()


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(one: Stream, other: Stream) -> None:
    """Copy both ways until both have ended, or one fails."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(one[0], other[1]))
            group.create_task(_copy(other[0], one[1]))
    except* (OSError, TimeoutError):
        pass
    finally:
        other[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:  # TLS has no half-closed connections
        with contextlib.suppress(OSError):
            writer.close()
