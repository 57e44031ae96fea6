"""The paths under /sandbox/: faults are armed here, and what happened is read.

POST    /sandbox/faults     arm one (see `rules`); answers it with its id
GET     /sandbox/faults     those that are armed, with the number of calls they have seen
DELETE  /sandbox/faults     forget all, and let go of the calls that hang
GET     /sandbox/calls      every call, oldest first; ?method= and ?resource= (a pattern)
DELETE  /sandbox/calls
GET     /sandbox/traffic    every split that was ever live, oldest first; ?endpoint=
DELETE  /sandbox/traffic
POST    /sandbox/copies     all of one location in another (see `copies`)
"""

from collections.abc import Collection
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
    """Answers those requests."""

    def __init__(
        self,
        book: FaultRegistry,
        traffic: TrafficHistory,
        copies: Snapshots,
        methods: Collection[str],
    ) -> None:
        self._book = book
        self._traffic = traffic
        self._copies = copies
        self._methods = methods

    async def answer(self, request: Request, body: bytes) -> dict[str, Any]:
        """The JSON object to answer; raises InvalidArgument, NotFound for any other path."""
        asked = request.query_params
        match request.method, request.url.path.removeprefix("/sandbox/"):
            case "POST", "faults":
                return _armed(self._book.arm(parse(parse_json(body), self._methods)))
            case "GET", "faults":
                return {"faults": [_armed(one) for one in self._book.armed]}
            case "DELETE", "faults":
                self._book.disarm()
            case "GET", "calls":
                calls = [
                    asdict(call)
                    for call in self._book.calls
                    if asked.get("method", call.method) == call.method
                    and fnmatchcase(call.resource, asked.get("resource", "*"))
                ]
                return {"calls": calls}
            case "DELETE", "calls":
                self._book.calls.clear()
            case "GET", "traffic":
                endpoint = asked.get("endpoint", "")
                return {"traffic": await run_in_threadpool(self._traffic.list, endpoint)}
            case "DELETE", "traffic":
                await run_in_threadpool(self._traffic.forget)
            case "POST", "copies":
                await run_in_threadpool(self._copies.create, parse_json(body))
            case method, path:
                raise NotFound(
                    f"There is no {method} /sandbox/{path}; there are faults, calls, traffic and "
                    "copies."
                )
        return {}


def _armed(one: Armed) -> dict[str, Any]:
    return {"id": one.id, "seen": one.seen, **asdict(one.fault)}
