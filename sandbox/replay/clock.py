"""The time of a run that is played: the same for the local Vertex AI and for the DAGs' tasks."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """The clock of the local Vertex AI at the base URL `host`, as its users see it.

    As many of them as there are, only one may move it.
    """

    def __init__(self, host: str) -> None:
        self._url = f"{host}/sandbox/clock"
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """What it shows, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def move(self, to: datetime) -> None:
        """Put it to a time, which must be aware; it goes on from there."""
        self._send("PUT", json.dumps({"now": to.isoformat()}).encode())

    def reset(self) -> None:
        """Back to the time of day."""
        self._send("DELETE", None)

    def _send(self, method: str, body: bytes | None) -> None:
        request = urllib.request.Request(self._url, body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            self._offset = timedelta(seconds=json.load(answer)["offsetSeconds"])
