"""The server's clock, and the path /sandbox/clock, which reads and moves it.

GET     /sandbox/clock                                  {"now": RFC 3339, "offsetSeconds": number}
PUT     /sandbox/clock  {"now": "2026-10-05T03:00:00Z"} moves it; it runs on from there
DELETE  /sandbox/clock                                  returns to the time of day
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.transcode import parse_json

Clock = Callable[[], datetime]
PATH = "/sandbox/clock"
_YEARS = range(1970, 3000)


def utc_now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)


class MovableClock:
    """Another clock plus `offset`, which is 0 at first and can be set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        """The time it shows, aware, in UTC."""
        return self._clock() + self.offset

    def move(self, to: datetime) -> None:
        """Set it to an aware time, from which it runs on."""
        self.offset = to.astimezone(UTC) - self._clock()


def respond(clock: MovableClock, method: str, body: bytes) -> bytes:
    """The JSON response to a request of /sandbox/clock; raises InvalidArgument, NotFound."""
    match method:
        case "PUT":
            clock.move(_time(body))
        case "DELETE":
            clock.offset = timedelta(0)
        case "GET":
            pass
        case _:
            raise NotFound(f"There is no {method} {PATH}; there are GET, PUT and DELETE.")
    offset = clock.offset
    return json.dumps(
        {"now": clock().isoformat(), "offsetSeconds": offset.total_seconds()}
    ).encode()


def _time(body: bytes) -> datetime:
    text = parse_json(body).get("now")
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time.year not in _YEARS:
        raise InvalidArgument(
            'Send a time with a time zone, from 1970 to 2999: {"now": "2026-10-05T03:00:00Z"}.'
        )
    return time
