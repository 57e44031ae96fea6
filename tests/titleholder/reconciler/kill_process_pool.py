"""Rollouts in processes of their own, which are killed (SIGKILL) at a chosen call.

One process imports what a rollout needs and forks a child for each rollout: it has one thread, so
that forking is safe, and is small, so that it is fast. A child calls the local Vertex AI over HTTP,
as any task does. Clock and events table outlive it: they belong to the parent, at the other end of
a socket.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from socket import socketpair
from typing import Any

import requests

from tests.conftest import REPOSITORY
from tests.titleholder.reconciler.conftest import ModelUnderTest
from titleholder.events.event import Event
from titleholder.rollout.intents import Intent

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class KillPoint:
    """The `nth` call, or the `nth` write; before it is sent, or `after` its answer."""

    nth: int
    writes: bool
    after: bool


@dataclass(frozen=True)
class _Job:
    intent: Intent
    rollout: dict[str, Any]
    location: str
    url: str
    now: datetime
    kill_point: KillPoint


class KillPool:
    """The parent's end of the socket, and the process that forks."""

    def __init__(self) -> None:
        parent_end, child_end = socketpair()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from {__name__} import main; main()",
            ],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
            stdin=child_end,
            start_new_session=True,
        )
        child_end.close()
        self._connection = Connection(parent_end.detach())

    def run(
        self, m1: ModelUnderTest, intent: Intent, rollout: dict[str, Any], kill_point: KillPoint
    ) -> int:
        """`m1.run` in a process that is killed there; its exit code, or minus the signal."""
        clock = m1.vertex.clock
        here = (m1.location, m1.vertex.url, clock())
        self._connection.send(_Job(intent, rollout, *here, kill_point))
        while True:
            if not self._connection.poll(_TIMEOUT_SECONDS):
                raise TimeoutError(f"no message from the rollout with {kill_point}")
            match self._connection.recv():
                case ("advance", seconds):
                    clock.advance(seconds)
                    self._connection.send(clock())
                case ("append", events):
                    m1.events_table.append(events)
                    self._connection.send(None)
                case ("ended", code):
                    return int(code)

    def close(self) -> None:
        self._connection.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


class _RemoteClock:
    """The parent's manual clock."""

    def __init__(self, parent: Connection, now: datetime) -> None:
        self._parent = parent
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._parent.send(("advance", seconds))
        self._now = self._parent.recv()


@dataclass(frozen=True)
class _RemoteEventsTable:
    parent: Connection
    table: str = "tests.events"

    def append(self, events: list[Event]) -> None:
        self.parent.send(("append", events))
        self.parent.recv()


@dataclass(frozen=True)
class _RemoteVertex:
    clock: _RemoteClock


def main() -> None:
    """Fork a child for each job; ends when the parent closes the socket."""
    from google.cloud import aiplatform_v1  # noqa: F401  (imported once for all children)

    parent = Connection(0)
    while True:
        try:
            job = parent.recv()
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            _run(parent, job)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        parent.send(("ended", os.waitstatus_to_exitcode(status)))


def _run(parent: Connection, job: _Job) -> None:
    os.environ["VERTEX_AI_EMULATOR_HOST"] = job.url
    _kill_at(job.kill_point)
    vertex, events_table = _RemoteVertex(_RemoteClock(parent, job.now)), _RemoteEventsTable(parent)
    m1 = ModelUnderTest(vertex, "", events_table, job.location)  # type: ignore[arg-type]
    m1.run(job.intent, **job.rollout)


def _kill_at(kill_point: KillPoint) -> None:
    send, calls = requests.Session.send, 0

    def send_or_kill(session: Any, request: Any, **arguments: Any) -> Any:
        nonlocal calls
        calls += not kill_point.writes or request.method != "GET"
        if calls < kill_point.nth:
            return send(session, request, **arguments)
        if kill_point.after:
            send(session, request, **arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    requests.Session.send = send_or_kill  # type: ignore[method-assign]
