"""A PostgreSQL of a test's own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.services import postgres
from sandbox.services.processes import started_at, stop, wait_until_healthy
from sandbox.state import Home, Running


@contextmanager
def started(home: Home) -> Iterator[Running]:
    """The server of the sandbox in `home`, which may not be able to start; until the end."""
    service = postgres.service(home)
    service.prepare()
    home.log(service.name).parent.mkdir(exist_ok=True)
    with (
        home.log(service.name).open("ab") as log,
        subprocess.Popen(service.command, stdout=log, stderr=log) as process,
    ):
        running = Running(process.pid, started_at(process.pid) or "")
        try:
            yield running
        finally:
            stop([running])
            shutil.rmtree(home.sockets)


@contextmanager
def serving(home: Home) -> Iterator[Running]:
    """As `started`, when it can be used."""
    with started(home) as running:
        health = postgres.service(home).health
        assert wait_until_healthy(running, health, None, 60), home.log("postgres")
        yield running
