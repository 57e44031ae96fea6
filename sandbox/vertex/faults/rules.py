"""Faults: their JSON description, and which of them a call hits. No I/O.

{"fault": "answer", "method": "deploy_model", "status": "UNAVAILABLE", "when": "after"}
{"fault": "fail_operation", "method": "deploy_model", "status": "FAILED_PRECONDITION", "nth": 2}
{"fault": "delay", "method": "*", "resource": "*/endpoints/linnerud", "seconds": 1, "times": 3}
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from sandbox.vertex.http.errors import ApiError, InvalidArgument

ANY: Final = "*"
_CREATE_JOB: Final = "create_pipeline_job"
# The methods that return a google.longrunning.Operation.
_STARTING: Final = {
    *("create_endpoint", "delete_endpoint", "deploy_model", "undeploy_model"),
    *("upload_model", "delete_model", "delete_model_version", ANY),
}
_COMMON: Final = frozenset(("fault", "method", "resource", "nth", "times"))
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "answer": frozenset(("status", "message", "when")),
    "drop": frozenset(("when",)),
    "hang": frozenset(("when",)),
    "delay": frozenset(("seconds", "when")),
    "fail_operation": frozenset(("status", "message", "when")),
    "delay_operation": frozenset(("seconds",)),
    "fail_task": frozenset(("task",)),
}
_REQUIRED: Final = ("status", "seconds", "task")
_STATUSES: Final = {error.status: error for error in reversed(ApiError.__subclasses__())}


@dataclass(frozen=True)
class Fault:
    """A fault of the calls `nth` to `nth + times - 1` of a method on a resource."""

    kind: str
    method: str
    resource: str = ANY
    """A pattern of the whole name, with `*` and `?`."""
    nth: int = 1
    times: int = 1
    after: bool = False
    """Whether the call takes effect, and only its response is lost, replaced or late."""
    status: str = ""
    message: str = ""
    seconds: float = 0.0
    task: str = ""

    def error(self) -> ApiError:
        """The error of the call or of its operation."""
        return _STATUSES[self.status](self.message or f"A test requested {self.status} here.")


@dataclass(frozen=True)
class Armed:
    """A fault that waits for its calls, and the number of matching calls so far."""

    id: str
    fault: Fault
    seen: int = 0


def parse(fields: Mapping[str, Any], methods: Collection[str]) -> Fault:
    """The fault of a description; raises InvalidArgument with the wrong field and the reason."""
    kind = _one_of("fault", fields.get("fault"), _FIELDS)
    known = _COMMON | _FIELDS[kind]
    for name in fields:
        if name not in known:
            allowed = ", ".join(sorted(known))
            raise InvalidArgument(f"The fault {kind!r} has no field {name!r}; it has {allowed}.")
    for name in _REQUIRED:
        if name in known and name not in fields:
            raise InvalidArgument(f"The fault {kind!r} needs the field {name!r}.")
    method = fields.get("method", _CREATE_JOB if kind == "fail_task" else None)
    method = _one_of("method", method, {*methods, ANY})
    if kind == "fail_task" and method != _CREATE_JOB:
        raise InvalidArgument(
            f"The fault 'fail_task' needs the method {_CREATE_JOB}, not {method}."
        )
    if kind.endswith("_operation") and method not in _STARTING:
        raise InvalidArgument(f"{method} starts no operation; these do: {_joined(_STARTING)}.")
    return Fault(
        kind=kind,
        method=method,
        resource=_text(fields, "resource", ANY),
        nth=_count(fields, "nth"),
        times=_count(fields, "times"),
        after=_one_of("when", fields.get("when", "before"), ("before", "after")) == "after",
        status=_one_of("status", fields["status"], _STATUSES) if "status" in fields else "",
        message=_text(fields, "message", ""),
        seconds=_seconds(fields),
        task=_text(fields, "task", ""),
    )


def hit(armed: Iterable[Armed], method: str, resource: str) -> tuple[list[Armed], list[Armed]]:
    """The faults that this call hits, and those that stay armed after it.

    Each fault counts every call that it matches, even if another fault hits that call.
    """
    hits: list[Armed] = []
    remaining: list[Armed] = []
    for candidate in armed:
        fault = candidate.fault
        matches = fault.method in (ANY, method) and fnmatchcase(resource, fault.resource)
        counted = replace(candidate, seen=candidate.seen + 1) if matches else candidate
        if matches and counted.seen >= fault.nth:
            hits.append(counted)
        if counted.seen < fault.nth + fault.times - 1:
            remaining.append(counted)
    return hits, remaining


def _one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    near = get_close_matches(str(value), allowed, n=1)
    hint = f"did you mean {near[0]}?" if near and len(allowed) > 15 else f"use {_joined(allowed)}."
    if len(allowed) > 15 and not near:
        hint = "use the name in Google's Python client, such as deploy_model."
    raise InvalidArgument(f"{name} is {value!r}, which is unknown; {hint}")


def _text(fields: Mapping[str, Any], name: str, default: str) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or (name in fields and not value):
        raise InvalidArgument(f"{name} is {value!r}; it must be a non-empty text.")
    return value


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name, 1)
    if type(value) is not int or value < 1:
        raise InvalidArgument(f"{name} is {value!r}; it must be an integer, 1 or more.")
    return value


def _seconds(fields: Mapping[str, Any]) -> float:
    value = fields.get("seconds", 0.0)
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise InvalidArgument(f"seconds is {value!r}; it must be a number, 0 or more.")
    return float(value)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
