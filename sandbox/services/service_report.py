"""Lines that say which services run, and where."""

from sandbox.services.processes import alive, is_healthy
from sandbox.services.services import Service
from sandbox.state import LOOPBACK, State
from sandbox.terminal import Terminal

_STYLES = {"healthy": "green", "not healthy": "bold yellow", "ended": "bold red"}


def print_service(service: Service, state: State, terminal: Terminal) -> bool:
    """Print the state, the address and the process of a service that was started; whether it is
    healthy."""
    running, port = state.processes[service.name], state.ports.get(service.name)
    healthy = is_healthy(running, service.health, port)
    word = "healthy" if healthy else "not healthy" if alive(running) else "ended"
    address = f"http://{LOOPBACK}:{port}" if port else ""
    terminal.print(
        f"{service.title:24} ", (f"{word:12} ", _STYLES[word]), f"{address:24} pid {running.pid}"
    )
    return healthy
