"""A server that can be killed: `python -m sandbox.vertex` in a separate process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.conftest import IMAGES, REPOSITORY
from tests.sandbox.conftest import PROJECT

# Imports the modules of the server once, and forks a server for each line with its arguments: this
# takes a tenth of the time of `python -m sandbox.vertex`.
FORK_SERVER = """
import json, os, signal, sys
from sandbox.vertex import __main__ as server
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.exit(server.main(json.loads(line)))
    print(pid, flush=True)
"""


class KillableServer:
    """A server process on a fixed port that can be killed and started again."""

    def __init__(self, home: Path, storage_host: str, *arguments: str, forked: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = str(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        times = [f"--{what}-seconds=0.02" for what in ("deploy", "undeploy", "other")]
        location = ["--port", port, "--home", str(home), "--project", PROJECT]
        self._arguments = [*location, *times, "--images", str(IMAGES), *arguments]
        # As the sandbox starts it.
        self._environment = {
            **os.environ,
            "STORAGE_EMULATOR_HOST": storage_host,
            "_KFP_RUNTIME": "true",
        }
        self._fork_server = self._popen("-c", FORK_SERVER) if forked else None
        self._process: subprocess.Popen[str] | None = None
        self.pid = 0

    def _popen(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> None:
        if self._fork_server is None:
            self._process = self._popen("-m", "sandbox.vertex", *self._arguments)
            self.pid = self._process.pid
        else:
            assert self._fork_server.stdin is not None
            assert self._fork_server.stdout is not None
            self._fork_server.stdin.write(json.dumps(self._arguments) + "\n")
            self._fork_server.stdin.flush()
            self.pid = int(self._fork_server.stdout.readline())
        deadline = time.monotonic() + 60
        # Without TLS, whose certificates take long to load.
        with httpx.Client(base_url=self.url, trust_env=False, verify=False) as http:
            while True:
                try:
                    http.get("/healthz")
                    return
                except httpx.TransportError:
                    assert time.monotonic() < deadline, "the server did not start again"
                    time.sleep(0.01)

    def end(self, how: signal.Signals) -> None:
        os.kill(self.pid, how)
        if self._process is not None:
            self._process.communicate(timeout=20)
        deadline = time.monotonic() + 20
        while self._process is None and _alive(self.pid):
            assert time.monotonic() < deadline, "the server did not end"
            time.sleep(0.01)

    def close(self) -> None:
        if self.pid and _alive(self.pid):
            self.end(signal.SIGTERM)
        if self._fork_server is not None:
            self._fork_server.communicate(timeout=20)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
