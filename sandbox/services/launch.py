"""Starts services: their ports, their processes, and the wait until they are healthy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from sandbox.services import processes
from sandbox.services.processes import alive, free_port, stop
from sandbox.services.services import OWNERS, Service
from sandbox.state import Home, State

HEALTH_SECONDS = 120.0
_AIRFLOW_PORT = 8080
Progress = Callable[[str], AbstractContextManager[object]]
"""Shows a text while something is done."""


def choose_ports(
    home: Home, state: State, names: Sequence[str], wanted: Mapping[str, int] | None = None
) -> None:
    """Give each of these services that is not running a free port: the wanted one, or that of
    before, if it is free. Stops the processes that know a port which has changed."""
    before = dict(state.ports)
    kept = {name for name in names if name in state.ports and _runs(state, name)}
    # An earlier version may have started it, without its second port.
    stop([state.processes[OWNERS.get(n, n)] for n in names if n not in kept and _runs(state, n)])
    taken = {state.ports[name] for name in kept}
    for name in names:
        if name not in kept:
            first = (wanted or {}).get(name) or state.ports.get(name)
            port = free_port(first or (_AIRFLOW_PORT if name == "airflow" else None))
            while port in taken:
                port = free_port(None)
            state.ports[name] = port
            taken.add(port)
    _stop_clients_of_moved(state, before)
    home.save(state)


def start(
    home: Home, state: State, services: Iterable[Service], progress: Progress = nullcontext
) -> None:
    """Start the services that are not running, all at once; `wait` waits for them."""
    for service in services:
        running = state.processes.get(service.name)
        if running is None or not alive(running):
            stop([running] if running else [])
            with progress(f"preparing {service.title}"):
                service.prepare()
            state.processes[service.name] = processes.start(
                service.command, service.environment, home.log(service.name)
            )
            home.save(state)


def wait(
    home: Home, state: State, service: Service, again: str, progress: Progress = nullcontext
) -> None:
    """Wait until the service is healthy. `again` is the command that repeats this; raises OSError
    if the service does not become healthy."""
    running, port = state.processes[service.name], state.ports.get(service.name)
    with progress(f"starting {service.title}"):
        healthy = processes.wait_until_healthy(running, service.health, port, HEALTH_SECONDS)
    if not healthy:
        problem = (
            f"did not become healthy at {' and '.join(service.health)}; its log is"
            if alive(running)
            else f"ended before it was healthy; `{again}` starts it again, at another port if its "
            "own is in use, and its log is"
        )
        raise OSError(f"{service.title} {problem} {home.log(service.name)}")


def _runs(state: State, name: str) -> bool:
    owner = OWNERS.get(name, name)
    return owner in state.processes and alive(state.processes[owner])


def lost_port(state: State, service: Service) -> bool:
    """Whether the service has ended, and another process listens on a port that was its own."""
    own = [port for name, port in state.ports.items() if OWNERS.get(name, name) == service.name]
    return not _runs(state, service.name) and any(free_port(port) != port for port in own)


def _stop_clients_of_moved(state: State, before: Mapping[str, int]) -> None:
    """Stop the processes that call a service whose port is another than `before`; they know it from
    their environment variables only. Also those whose database has ended."""
    # None of them calls the gateway.
    ports = state.ports
    moved = {name for name, port in before.items() if ports[name] != port and name != "gateway"}
    database = state.processes.get("postgres")
    lost = database is not None and not alive(database)
    # Airflow's processes and the gateway call all services, Vertex AI calls the other two.
    clients = [name for name in state.processes if name.startswith("airflow") and (moved or lost)]
    if moved - {"airflow"}:
        clients += ["vertex", "gateway"]
    stop([state.processes[name] for name in clients if name in state.processes])
