"""Processes of the sandbox that have ended, and what they left running."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from sandbox.services.processes import inherited, is_healthy, started_at, stop, without_proxy
from sandbox.state import Running

LEAVES_A_CHILD = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def left() -> Iterator[tuple[Running, psutil.Process]]:
    """A process that has ended, and its child that runs."""
    with subprocess.Popen(
        [sys.executable, "-c", LEAVES_A_CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        running = Running(process.pid, started_at(process.pid) or "")
    assert started_at(running.pid) is None
    try:
        yield running, child
    finally:
        if child.is_running():
            child.kill()


def test_what_a_process_left_running_is_ended(left: tuple[Running, psutil.Process]) -> None:
    running, child = left
    stop([running])
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("started", ["another-boot 1", "{boot} 99999999999", "", "unknown"])
def test_another_group_with_that_number_stays(
    left: tuple[Running, psutil.Process], started: str
) -> None:
    running, child = left
    boot = running.started.partition(" ")[0]
    stop([replace(running, started=started.format(boot=boot))])
    assert child.is_running()
    assert child.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example, localhost"}, "a.example,localhost,127.0.0.1"),
        ({"no_proxy": "b.example", "NO_PROXY": "a.example"}, "b.example,127.0.0.1,localhost"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_this_machine_is_called_without_a_proxy(before: dict[str, str], after: str) -> None:
    assert without_proxy(before) == {"no_proxy": after, "NO_PROXY": after}


def test_a_proxy_is_not_asked_for_the_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    own = Running(os.getpid(), started_at(os.getpid()) or "")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert is_healthy(own, [f"http://127.0.0.1:{server.server_port}/"], None)
    assert "127.0.0.1" in inherited()["no_proxy"]
