"""The paths under /sandbox/, which arm faults and return the records.

POST    /sandbox/faults     arm a fault (rules.py); returns it with its id
GET     /sandbox/faults     the armed faults, with the number of matching calls
DELETE  /sandbox/faults     remove all faults, and release the calls that hang
GET     /sandbox/calls      every call, oldest first; ?method= and ?resource= (a pattern)
DELETE  /sandbox/calls      clear the record
GET     /sandbox/traffic    every traffic split since the start, oldest first; ?endpoint=
DELETE  /sandbox/traffic    clear the record
POST    /sandbox/snapshots  copy a location to another one (snapshots.py)
DELETE  /sandbox/containers stop all containers; each starts again at its model's next request
"""

from collections.abc import Callable, Collection
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from sandbox.vertex.faults.registry import FaultRegistry
from sandbox.vertex.faults.rules import Armed, parse
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.errors import NotFound
from sandbox.vertex.http.transcode import parse_json


class Admin:
    """Serves these paths."""

    def __init__(
        self,
        registry: FaultRegistry,
        traffic: TrafficHistory,
        snapshots: Snapshots,
        methods: Collection[str],
        stop_containers: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._traffic = traffic
        self._snapshots = snapshots
        self._methods = methods
        self._stop_containers = stop_containers

    async def respond(self, request: Request, body: bytes) -> dict[str, Any]:
        """The JSON object to return; raises InvalidArgument, NotFound for any other path."""
        query = request.query_params
        match request.method, request.url.path.removeprefix("/sandbox/"):
            case "POST", "faults":
                return _armed(self._registry.arm(parse(parse_json(body), self._methods)))
            case "GET", "faults":
                return {"faults": [_armed(armed) for armed in self._registry.armed]}
            case "DELETE", "faults":
                self._registry.disarm()
            case "GET", "calls":
                calls = [
                    asdict(call)
                    for call in self._registry.calls
                    if query.get("method", call.method) == call.method
                    and fnmatchcase(call.resource, query.get("resource", "*"))
                ]
                return {"calls": calls}
            case "DELETE", "calls":
                self._registry.calls.clear()
            case "GET", "traffic":
                endpoint = query.get("endpoint", "")
                return {"traffic": await run_in_threadpool(self._traffic.list, endpoint)}
            case "DELETE", "traffic":
                await run_in_threadpool(self._traffic.clear)
            case "DELETE", "containers":
                await run_in_threadpool(self._stop_containers)
            case "POST", "snapshots":
                await run_in_threadpool(self._snapshots.create, parse_json(body))
            case method, path:
                raise NotFound(
                    f"There is no {method} /sandbox/{path}; there are faults, calls, traffic, "
                    "snapshots and containers."
                )
        return {}


def _armed(armed: Armed) -> dict[str, Any]:
    return {"id": armed.id, "seen": armed.seen, **asdict(armed.fault)}
