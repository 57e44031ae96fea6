"""The clock of a replay: the local Vertex AI and the tasks of the DAGs share it."""

import json
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


class SandboxClock:
    """The clock of the local Vertex AI at the base URL `host`.

    An instance notices only its own moves, so only one of them may move the clock.
    """

    def __init__(self, host: str) -> None:
        self._url = f"{host}/sandbox/clock"
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """The time it shows, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def move(self, to: datetime) -> None:
        """Set it to an aware time, from which it runs on."""
        self._send("PUT", json.dumps({"now": to.isoformat()}).encode())

    def reset(self) -> None:
        """Set it back to the time of day."""
        self._send("DELETE", None)

    def _send(self, method: str, body: bytes | None) -> None:
        request = urllib.request.Request(self._url, body, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            self._offset = timedelta(seconds=json.load(response)["offsetSeconds"])
