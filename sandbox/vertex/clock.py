"""The one place of the local Vertex AI that asks what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day now, aware, in UTC."""
    return datetime.now(UTC)


class MovableClock:
    """Another clock, or that clock moved: it goes on from where it was put, as fast as the other.

    `offset` is how far it is ahead of the other one, 0 at first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        """What it shows, aware, in UTC."""
        return self._clock() + self.offset

    def move(self, to: datetime) -> None:
        """Put it to a time, which must be aware."""
        self.offset = to.astimezone(UTC) - self._clock()
