"""The path /sandbox/clock: what time it is for the server, and how that is moved.

GET     /sandbox/clock                                  {"now": RFC 3339, "offsetSeconds": number}
PUT     /sandbox/clock  {"now": "2026-10-05T03:00:00Z"} it goes on from there; answered as GET is
DELETE  /sandbox/clock                                  the time of day again
"""

import json
from datetime import datetime, timedelta

from sandbox.vertex.clock import MovableClock
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.transcode import parse_json

PATH = "/sandbox/clock"
_YEARS = range(1970, 3000)


def answer(clock: MovableClock, method: str, body: bytes) -> bytes:
    """What that request is answered, as JSON; raises InvalidArgument, NotFound."""
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
            'Say to what time with its zone, from 1970 to 2999: {"now": "2026-10-05T03:00:00Z"}.'
        )
    return time
