"""One replica of a deployed model: its process is watched, and started again when it ends."""

import logging
import threading
import time
from pathlib import Path
from typing import Final

from sandbox.containers.container import Container, Probe
from sandbox.containers.environments import EnvironmentFailed, image_variables, interpreter
from sandbox.containers.probing import probe_succeeds
from sandbox.containers.process import Process
from sandbox.services.processes import free_port, listening_ports
from sandbox.state import LOOPBACK

_LOG: Final = logging.getLogger(__name__)
# Kubernetes waits 10 s, 20 s, 40 s ... up to 5 minutes before it starts a container again.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 300.0
_DRAIN_SECONDS: Final = 70.0
_KILL_SECONDS: Final = 5.0


class ContainerFailed(Exception):
    """The server did not become healthy; the message is one clause with its last log lines."""


class Replica:
    """A server process. Its thread starts it, probes it, and starts it again when it ends."""

    def __init__(self, container: Container, log: Path, natural_port: int) -> None:
        """`natural_port` is the port on which the container would listen on Vertex AI."""
        self._container = container
        self._log = log
        self._natural_port = natural_port
        self._changed = threading.Condition()
        self._failure: str | None = None
        self._started = False
        self._healthy = False
        self._stopping = threading.Event()
        self._process: Process | None = None
        self.port = 0
        self._thread = threading.Thread(target=self._run, name="replica", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """The base URL of the server."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def healthy(self) -> bool:
        """Whether the server receives traffic."""
        return self._healthy

    def wait_until_healthy(self) -> None:
        """Wait for the first time that the server is healthy. Raises ContainerFailed if it ends
        before, or is not healthy within the container's deployment timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._started or self._failure is not None)
        if self._failure is not None:
            raise ContainerFailed(self._failure)

    def stop(self) -> None:
        """End the server once its requests are answered. Returns at once; `join` waits."""
        self._healthy = False
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def join(self) -> None:
        """Wait until the server has ended; its thread kills it when that takes too long."""
        self._thread.join(_DRAIN_SECONDS + _KILL_SECONDS)

    def kill(self) -> None:
        """End the server at once."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def _run(self) -> None:
        try:
            self._keep_running()
        finally:
            if not self._started and self._failure is None:
                self._fail("it was stopped")

    def _keep_running(self) -> None:
        pause = _FIRST_PAUSE
        try:
            python = interpreter(self._container.image)
        except EnvironmentFailed as error:
            self._fail(str(error))
            return
        while not self._stopping.is_set():
            began = time.monotonic()
            self._run_once(python)
            self._healthy = False
            if self._failure is not None or self._stopping.is_set():
                return
            # A server that ran for long is not in a loop of crashes.
            pause = _FIRST_PAUSE if time.monotonic() - began > _LONGEST_PAUSE else pause
            _LOG.warning("%s ended; it is started again in %g s", self._log, pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _run_once(self, python: Path) -> None:
        self.port = free_port(None)
        environment = self._environment(python)
        try:
            process = Process(self._container.arguments(self.port), environment, self._log)
        except OSError as error:
            self._fail(f"its command cannot be started ({error})")
            return
        self._process = process
        if self._stopping.is_set():  # stop() may not have seen the process
            process.terminate()
        try:
            if self._wait_for_start(process, environment):
                self._set_healthy()
                self._watch(process, environment)
            elif not self._started and not self._stopping.is_set() and not self._lost_port(process):
                self._fail(self._cause(process))
        finally:
            if self._stopping.is_set() and process.wait(_DRAIN_SECONDS) is None:
                _LOG.warning("%s did not end after SIGTERM; it is killed", self._log)
            process.kill()
            process.wait(None)
            process.clean_up()

    def _wait_for_start(self, process: Process, environment: dict[str, str]) -> bool:
        """Whether the server becomes healthy before it ends."""
        probe = self._container.startup
        end = time.monotonic() + self._container.deployment_timeout
        failures = 0
        if probe.initial_delay and process.wait(probe.initial_delay) is not None:
            return False
        while time.monotonic() < end and not self._stopping.is_set():
            if self._probe(probe, environment) and self._listens(process):
                return True
            failures += 1
            if process.wait(probe.period) is not None or failures == probe.failures:
                return False
        return False

    def _watch(self, process: Process, environment: dict[str, str]) -> None:
        """Probe the server until it ends. Failed health probes stop its traffic, failed liveness
        probes end it."""
        due = {
            "health": time.monotonic() + self._container.health.period,
            "liveness": time.monotonic() + self._container.liveness.period,
        }
        failures = {"health": 0, "liveness": 0}
        while process.wait(max(0.0, min(due.values()) - time.monotonic())) is None:
            for kind, probe in (
                ("health", self._container.health),
                ("liveness", self._container.liveness),
            ):
                if due[kind] > time.monotonic() or self._stopping.is_set():
                    continue
                due[kind] = time.monotonic() + probe.period
                failures[kind] = 0 if self._probe(probe, environment) else failures[kind] + 1
            if self._stopping.is_set():
                return
            if failures["liveness"] >= self._container.liveness.failures:
                return
            if failures["health"] >= self._container.health.failures:
                self._healthy = False
            elif not failures["health"] and not self._healthy:
                self._set_healthy()

    def _probe(self, probe: Probe, environment: dict[str, str]) -> bool:
        return probe_succeeds(probe, self.port, environment)

    def _listens(self, process: Process) -> bool:
        """Whether the process itself has the port: another one could have taken it before."""
        return self.port in listening_ports(process.pid)

    def _lost_port(self, process: Process) -> bool:
        """Whether the process ended because another one took its port first: it is then started
        again with another port."""
        return process.ended() and free_port(self.port) != self.port

    def _cause(self, process: Process) -> str:
        code = process.wait(0)
        output = process.last_lines()
        said = f"; its last output: {output}" if output else ""
        if code is not None:
            status = code if code >= 0 else 128 - code  # ended by a signal: as shells report it
            return f"it ended with the status {status}{said}"
        ports = set(listening_ports(process.pid))
        if ports and self.port not in ports:
            return (
                f"it listens on port {min(ports)} instead of AIP_HTTP_PORT ({self.port} here, "
                f"{self._natural_port} on Vertex AI){said}"
            )
        return f"it was not healthy at {self._container.startup.path or 'its port'} in time{said}"

    def _environment(self, python: Path) -> dict[str, str]:
        return {
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **image_variables(self._container.image, python),
            **self._container.variables(self.port),
        }

    def _set_healthy(self) -> None:
        with self._changed:
            self._healthy = not self._stopping.is_set()
            self._started = True
            self._changed.notify_all()

    def _fail(self, reason: str) -> None:
        with self._changed:
            self._failure = reason
            self._changed.notify_all()
