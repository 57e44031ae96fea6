"""The one place of the local Vertex AI that asks what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day now, aware, in UTC."""
    return datetime.now(UTC)
