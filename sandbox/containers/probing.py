"""Performs probes of a server."""

import http.client
import socket
import subprocess
from collections.abc import Mapping

from sandbox.containers.container import Probe
from sandbox.services.processes import end_group
from sandbox.state import LOOPBACK


def probe_succeeds(probe: Probe, port: int, environment: Mapping[str, str]) -> bool:
    """Whether the probe of the server on this port succeeds within its time; a command of a probe
    has the server's environment, and ends with its children."""
    try:
        if probe.command:
            return _run(probe, environment) == 0
        if not probe.path:
            with socket.create_connection((LOOPBACK, port), timeout=probe.timeout):
                return True
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=probe.timeout)
        try:
            connection.request("GET", probe.path)
            return 200 <= connection.getresponse().status < 400
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, subprocess.TimeoutExpired):
        return False


def _run(probe: Probe, environment: Mapping[str, str]) -> int:
    process = subprocess.Popen(
        probe.command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(probe.timeout)
    finally:
        end_group(process.pid, force=True)
        process.wait()
