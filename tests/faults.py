"""Faults on demand for tests, and the calls and traffic that the server saw; see
sandbox/vertex/faults/admin.py."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import httpx


class FaultKinds(ABC):
    """Every kind of fault, armed by `arm`."""

    @abstractmethod
    def arm(self, fault: str, method: str, **fields: Any) -> None:
        """Arm a fault for the next call of the method; the fields are those of `faults.rules`."""

    def answer(self, method: str, status: str, **fields: Any) -> None:
        """The call is answered with that status, such as ABORTED; when="after": once it was
        done."""
        self.arm("answer", method, status=status, **fields)

    def drop(self, method: str, **fields: Any) -> None:
        """The connection of the call is dropped; when="after": once it was done."""
        self.arm("drop", method, **fields)

    def hang(self, method: str, **fields: Any) -> None:
        """The call is not answered before the client hangs up; when="after": once it was done."""
        self.arm("hang", method, **fields)

    def delay(self, method: str, seconds: float, **fields: Any) -> None:
        """The call takes longer, in real time."""
        self.arm("delay", method, seconds=seconds, **fields)

    def fail_operation(self, method: str, status: str, **fields: Any) -> None:
        """The operation that the call starts fails; when="after": once it has made its change."""
        self.arm("fail_operation", method, status=status, **fields)

    def delay_operation(self, method: str, seconds: float, **fields: Any) -> None:
        """The operation that the call starts takes longer, by the server's clock."""
        self.arm("delay_operation", method, seconds=seconds, **fields)

    def fail_task(self, task: str, **fields: Any) -> None:
        """That component of the next pipeline job fails."""
        self.arm("fail_task", "create_pipeline_job", task=task, **fields)


class Faults(FaultKinds):
    """A client of a local Vertex AI that was started with faults."""

    def __init__(self, url: str) -> None:
        # Without TLS, whose certificates take long to load.
        self._http = httpx.Client(
            base_url=f"{url}/sandbox", trust_env=False, verify=False, timeout=30
        )

    def arm(self, fault: str, method: str, **fields: Any) -> None:
        """Arm a fault for the next call of the method; the fields are those of `faults.rules`.

        Raises ValueError for a fault that the server refuses.
        """
        content = {"fault": fault, "method": method, **fields}
        answer = self._http.post("/faults", json=content)
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"]["message"])

    def armed(self) -> list[dict[str, Any]]:
        """The faults that no call has met yet."""
        return self._get("faults")

    def calls(self, **query: str) -> list[dict[str, Any]]:
        """Every call, oldest first; of one method, of resources that match."""
        return self._get("calls", **query)

    def traffic(self, **query: str) -> list[dict[str, Any]]:
        """Every split that was ever live, oldest first; of one endpoint."""
        return self._get("traffic", **query)

    def copy(self, location: str, to: str) -> None:
        """Copy all resources of one location to another one with a name of the same length."""
        self._http.post("/snapshots", json={"location": location, "to": to}).raise_for_status()

    def disarm(self) -> None:
        """Remove the armed faults."""
        self._http.delete("/faults").raise_for_status()

    def clear(self) -> None:
        """Remove faults, calls and traffic; hanging calls end, and containers stop until the next
        request to their model."""
        for what in ("faults", "calls", "traffic", "containers"):
            self._http.delete(f"/{what}").raise_for_status()

    def close(self) -> None:
        """Clear, and close the connection."""
        self.clear()
        self._http.close()

    def _get(self, what: str, **query: str) -> list[dict[str, Any]]:
        answer = self._http.get(f"/{what}", params=query)
        answer.raise_for_status()
        return answer.json()[what]


def unsound(traffic: Iterable[dict[str, Any]]) -> list[str]:
    """Errors in these splits: sums other than 100, and traffic to models that are not ready."""
    wrong = []
    for entry in traffic:
        split = entry["traffic_split"]
        if split and sum(split.values()) != 100:
            wrong.append(f"{entry['endpoint']}: {split} does not sum to 100")
        for deployed, percentage in split.items():
            if percentage and deployed not in entry["ready"]:
                wrong.append(
                    f"{entry['endpoint']}: {percentage} % to {deployed}, which is not ready"
                )
    return wrong
