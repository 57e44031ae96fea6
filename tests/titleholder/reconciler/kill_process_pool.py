"""Rollouts in processes of their own, which die of SIGKILL at a chosen call.

One process imports what a rollout needs and forks a child for each: it has one thread, so that
forking is sound, and is small, so that it is quick. A child speaks HTTP to the local Vertex AI, as
any task does. Clock and events table, which outlive it, are with the parent at the other end of a
socket.
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
from tests.titleholder.reconciler.conftest import Scene
from titleholder.events.event import Event
from titleholder.rollout.intents import Intent

_PATIENCE = 60.0


@dataclass(frozen=True)
class Death:
    """At the `nth` call, or the `nth` that changes something; before it is sent or when it is
    answered."""

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
    death: Death


class Nursery:
    """The parent's end."""

    def __init__(self) -> None:
        mine, its = socketpair()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from {__name__} import main; main()",
            ],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
            stdin=its,
            start_new_session=True,
        )
        its.close()
        self._connection = Connection(mine.detach())

    def play(self, scene: Scene, intent: Intent, rollout: dict[str, Any], death: Death) -> int:
        """As Scene.play, in a process that is to die so; its exit code, or minus the signal."""
        clock = scene.vertex.clock
        here = (scene.location, scene.vertex.url, clock())
        self._connection.send(_Job(intent, rollout, *here, death))
        while True:
            if not self._connection.poll(_PATIENCE):
                raise TimeoutError(f"a rollout that was to die of {death} says nothing any more")
            match self._connection.recv():
                case ("advance", seconds):
                    clock.advance(seconds)
                    self._connection.send(clock())
                case ("append", events):
                    scene.notebook.append(events)
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


class _FarClock:
    """The parent's clock, which stands still until it is turned, also from here."""

    def __init__(self, parent: Connection, now: datetime) -> None:
        self._parent = parent
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._parent.send(("advance", seconds))
        self._now = self._parent.recv()


@dataclass(frozen=True)
class _FarNotebook:
    parent: Connection
    table: str = "tests.events"

    def append(self, events: list[Event]) -> None:
        self.parent.send(("append", events))
        self.parent.recv()


@dataclass(frozen=True)
class _FarVertex:
    clock: _FarClock


def main() -> None:
    """The nursery's own loop; ends when the parent hangs up."""
    from google.cloud import aiplatform_v1  # noqa: F401  (what takes long)

    parent = Connection(0)
    while True:
        try:
            job = parent.recv()
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            _live(parent, job)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        parent.send(("ended", os.waitstatus_to_exitcode(status)))


def _live(parent: Connection, job: _Job) -> None:
    os.environ["VERTEX_AI_EMULATOR_HOST"] = job.url
    _doom(job.death)
    vertex, notebook = _FarVertex(_FarClock(parent, job.now)), _FarNotebook(parent)
    scene = Scene(vertex, "", notebook, job.location)  # type: ignore[arg-type]
    scene.play(job.intent, **job.rollout)


def _doom(death: Death) -> None:
    send, calls = requests.Session.send, 0

    def mortal(session: Any, request: Any, **arguments: Any) -> Any:
        nonlocal calls
        calls += not death.writes or request.method != "GET"
        if calls < death.nth:
            return send(session, request, **arguments)
        if death.after:
            send(session, request, **arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    requests.Session.send = mortal  # type: ignore[method-assign]
