"""Faults of the local Vertex AI in memory, as tests/faults.py has them for its HTTP server."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from sandbox.vertex.faults.registry import FaultRegistry, faults_of_call
from sandbox.vertex.faults.rules import Fault, parse
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.routes import google_routes
from tests.faults import FaultKinds
from tests.titleholder.reconciler.actors import Dropped

_METHODS = google_routes().methods()


class InMemoryFaults(FaultKinds):
    """The faults, and the calls and traffic since they were cleared.

    `kill` is called with the method of each call before and after it; it may raise Died.
    """

    def __init__(self, traffic: TrafficHistory, snapshots: Snapshots) -> None:
        self._registry = FaultRegistry()
        self._traffic, self._snapshots = traffic, snapshots
        self.kill: Callable[[str, str], None] = lambda method, when: None

    def apply(self, method: str, request: Any, call: Callable[[], Any]) -> Any:
        """The answer of `call` with the faults that hit it. Raises ApiError and Dropped."""
        _, faults = self._registry.record(method, _resource(request))
        self.kill(method, "before")
        _raise([fault for fault in faults if not fault.after])
        with faults_of_call(faults):
            answer = call()
        self.kill(method, "after")
        _raise([fault for fault in faults if fault.after])
        return answer

    def arm(self, fault: str, method: str, **fields: Any) -> None:
        self._registry.arm(parse({"fault": fault, "method": method, **fields}, _METHODS))

    def calls(self, resource: str = "*") -> list[dict[str, Any]]:
        """Every call to resources that match, oldest first."""
        calls = self._registry.calls
        return [asdict(call) for call in calls if fnmatchcase(call.resource, resource)]

    def traffic(self) -> list[dict[str, Any]]:
        """Every split that was ever live, oldest first."""
        return self._traffic.list()

    def copy(self, location: str, to: str) -> None:
        """Copy all resources of one location to another one with a name of the same length."""
        self._snapshots.create({"location": location, "to": to})

    def disarm(self) -> None:
        """Remove the armed faults."""
        self._registry.disarm()

    def clear(self) -> None:
        """Remove faults, calls and traffic."""
        self.disarm()
        self._registry.calls.clear()
        self._traffic.clear()


def _raise(faults: Sequence[Fault]) -> None:
    for fault in faults:
        match fault.kind:
            case "answer":
                raise fault.error()
            case "drop":
                raise Dropped("a test dropped the connection")


def _resource(request: Any) -> str:
    for field in ("name", "endpoint", "parent", "model"):
        if named := getattr(request, field, None):
            return str(getattr(named, "name", named))
    return ""
