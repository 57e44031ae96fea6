"""Starts, probes and ends the processes of the sandbox, and no others."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from sandbox.state import LOOPBACK, Running

GRACE_SECONDS = 10.0


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Running:
    """Start `command` in a process group of its own, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**inherited(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(process.pid, started_at(process.pid) or "")


def inherited() -> dict[str, str]:
    """The environment without Airflow's settings: those of somebody's real Airflow, its database
    above all, must never reach the sandbox's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def alive(running: Running) -> bool:
    """Whether that very process is still there (not another one that got its pid)."""
    return bool(running.started) and started_at(running.pid) == running.started


def started_at(pid: int) -> str | None:
    """When the process of that number began, in a form only good for comparing; None: no such.

    Not the time of day, which a clock that is set would change.
    """
    try:
        # The 22nd field; the second is the program's name in brackets, with blanks in it or not.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def stop(processes: Sequence[Running]) -> None:
    """End these processes and their children: asked first, killed after a grace period."""
    family = [
        member
        for running in processes
        if alive(running)
        for member in [
            psutil.Process(running.pid),
            *psutil.Process(running.pid).children(recursive=True),
        ]
    ]
    for member in family:
        _quietly(member.terminate)
    _, stubborn = psutil.wait_procs(family, timeout=GRACE_SECONDS)
    for member in stubborn:
        _quietly(member.kill)
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)


def free_port(wanted: int | None) -> int:
    """`wanted` when nobody listens there, else a port the system picks."""
    for port in (wanted, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {LOOPBACK}")


def wait_until_healthy(
    running: Running, health: Sequence[str], port: int | None, seconds: float
) -> bool:
    """Whether the process is `well` before time is up or it ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive(running):
        if is_healthy(running, health, port):
            return True
        time.sleep(0.05)
    return False


def is_healthy(running: Running, health: Sequence[str], port: int | None) -> bool:
    """Whether the process is there, every probe of `health` (http://… or tcp://host:port) succeeds,
    and it is that process that listens on `port`, where it has one."""
    return (
        alive(running)
        and all(healthy(url) for url in health)
        and (port is None or listens(running, port))
    )


def listens(running: Running, port: int) -> bool:
    """Whether that process, or a child of it, is who listens on `port`: another one that took the
    port first would answer a health probe as well."""
    try:
        process = psutil.Process(running.pid)
        return any(
            connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
            for member in (process, *process.children(recursive=True))
            for connection in member.net_connections("inet")
        )
    except psutil.NoSuchProcess:
        return False


def healthy(url: str) -> bool:
    """Whether one probe of `url` succeeds: a connection, an answer below 400 or, where the URL ends
    in `#part`, a JSON answer that says `{part: {"status": "healthy"}}`."""
    try:
        if url.startswith("tcp://"):
            host, _, port = url.removeprefix("tcp://").rpartition(":")
            with socket.create_connection((host, int(port)), timeout=1):
                return True
        with urllib.request.urlopen(url, timeout=2) as answer:
            part = url.partition("#")[2]
            return bool(not part or json.load(answer)[part]["status"] == "healthy")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _quietly(act: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        act()
