"""A local StatsD server that records what it receives."""

import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class StatsdSink:
    """The values so far: `values` by name, oldest first, as they are on the wire (`90|g`)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.values: dict[str, list[str]] = defaultdict(list)

    def number(self, name: str) -> float | None:
        """The last value of a gauge, the sum of a counter; None before the first."""
        found = list(self.values.get(name, ()))
        total = None
        for one in found:
            value, kind = one.split("|")[:2]
            # A gauge with a sign is a difference: a negative value follows a zero.
            adds = kind == "c" or value[0] in "+-"
            total = float(value) + (total or 0.0 if adds else 0.0)
        return total


@contextmanager
def statsd_sink() -> Iterator[StatsdSink]:
    """A running server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        sink = StatsdSink(server.getsockname()[1])

        def receive() -> None:
            while packet := server.recv(65535).decode():
                for line in packet.splitlines():
                    name, _, value = line.partition(":")
                    sink.values[name].append(value)

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield sink
        finally:
            # An empty packet ends the thread.
            server.sendto(b"", server.getsockname())
            thread.join()
