"""Starts, probes and stops the processes of the sandbox, and no others."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from sandbox.state import LOOPBACK, Running

GRACE_SECONDS = 10.0
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
    """The environment variables without those of Airflow and of PostgreSQL's clients: the settings
    of another Airflow, above all its database, must never reach the sandbox. The services call each
    other without a proxy."""
    others = ("AIRFLOW", "PG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, **without_proxy(kept)}


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which clients call this machine without a proxy; the hosts that `environ`
    names are kept."""
    before = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in before.split(",") if host.strip()]
    if "*" not in hosts:
        hosts = [*dict.fromkeys([*hosts, LOOPBACK, "localhost"])]
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(hosts))


def alive(running: Running) -> bool:
    """Whether the process still exists; a later process with its pid does not count."""
    return bool(running.started) and started_at(running.pid) == running.started


def started_at(pid: int) -> str | None:
    """When the process started, as an opaque text to compare; None if there is no such process.

    It is not the time of day, which changes when the machine's clock is set.
    """
    try:
        # The 22nd field; the second is the program's name in brackets, which may have blanks in it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        # The start counts from the last boot.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return None if fields[0] == "Z" else f"{boot} {fields[19]}"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def stop(processes: Sequence[Running]) -> None:
    """Terminate these processes and their children; kill those that remain after a grace period,
    and what a process that had ended before left running in its group."""
    for running in processes:
        if started_at(running.pid) is None:  # no later process has its pid
            _end_orphans(running)
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
        _ignore_missing(member.terminate)
    _, remaining = psutil.wait_procs(family, timeout=GRACE_SECONDS)
    for member in remaining:
        _ignore_missing(member.kill)
    psutil.wait_procs(remaining, timeout=GRACE_SECONDS)


def _end_orphans(running: Running) -> None:
    """Kill what a process that has ended left running in its group: a process that started before
    it, or in another boot, is in another group with that number."""
    boot, _, since = running.started.partition(" ")
    for pid in psutil.pids() if since.isdecimal() else ():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == running.pid:
                same, _, start = (started_at(pid) or "").partition(" ")
                if same == boot and int(start) >= int(since):
                    os.kill(pid, signal.SIGKILL)


def free_port(wanted: int | None) -> int:
    """`wanted` if no process listens there, otherwise a port that the system picks."""
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
    """Whether the process becomes healthy within `seconds`, and before it ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive(running):
        if is_healthy(running, health, port):
            return True
        time.sleep(0.05)
    return False


def is_healthy(running: Running, health: Sequence[str], port: int | None) -> bool:
    """Whether the process is alive, every probe in `health` (http://…, tcp://host:port or
    postgresql://…) succeeds, and the process itself listens on its `port`, if it has one."""
    return (
        alive(running)
        and all(_probe(url) for url in health)
        # Another process that took the port first would pass the health probe as well.
        and (port is None or port in listening_ports(running.pid))
    )


def listening_ports(pid: int) -> Iterator[int]:
    """The ports on which the process listens, then those of its children, which take longer to
    find; none if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield from _ports(process)
        for child in process.children(recursive=True):
            yield from _ports(child)


def _ports(process: psutil.Process) -> Iterator[int]:
    for connection in process.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN:
            yield connection.laddr.port


def end_group(pid: int, force: bool = False) -> None:
    """Terminate or kill the process group of `pid`, unless it has ended."""
    try:
        os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
        return


def _probe(url: str) -> bool:
    """Whether a probe of `url` succeeds: a connection, a response below 400 or, if the URL ends in
    `#component`, a JSON response with `{component: {"status": "healthy"}}`."""
    try:
        if url.startswith("postgresql://"):
            return _accepts(url)
        if url.startswith("tcp://"):
            host, _, port = url.removeprefix("tcp://").rpartition(":")
            with socket.create_connection((host, int(port)), timeout=1):
                return True
        with _DIRECTLY.open(url, timeout=10) as response:
            component = url.partition("#")[2]
            return not component or bool(json.load(response)[component]["status"] == "healthy")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _accepts(database: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(database, connect_timeout=10).close()
    except psycopg2.OperationalError:  # also of a server that is still starting
        return False
    return True


def _ignore_missing(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()
