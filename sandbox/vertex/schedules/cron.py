"""Cron expressions with a time zone (Schedule.cron in google/cloud/aiplatform/v1/schedule.proto).

An instant is due if the expression matches its local time: a local time that is left out when the
clocks go forward has no run, and one that comes twice when they go back has two.
"""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.vertex.http.errors import InvalidArgument

_PREFIXED: Final = re.compile(r"(?:CRON_TZ|TZ)=(\S+)\s+(.*)", re.DOTALL)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
# What every cron has; croniter's own extensions (seconds, L, #, R, H, @daily) are refused.
_VALUE: Final = r"(\d{1,2}|[A-Za-z]{3})"
_ITEM: Final = rf"(\*|{_VALUE}(-{_VALUE})?)(/\d{{1,2}})?"
_FIELDS: Final = re.compile(rf"\s*{_ITEM}(,{_ITEM})*(\s+{_ITEM}(,{_ITEM})*){{4}}\s*")
_A_DAY: Final = timedelta(hours=25)
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cron:
    """Five fields, and the zone of their times."""

    fields: str
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The due instants later than the aware `moment`, in UTC, up to the year 9999."""
        from croniter import CroniterBadDateError, croniter

        waiting: list[datetime] = []
        try:
            for wall in croniter(self.fields, self._earliest(moment)).all_next(datetime):
                instants = self._instants(wall)
                for instant in instants:
                    if instant > moment:
                        heapq.heappush(waiting, instant)
                # An earlier local time that comes twice may be the later instant.
                while waiting and instants and waiting[0] <= instants[0]:
                    yield heapq.heappop(waiting)
        except (CroniterBadDateError, OverflowError, ValueError):  # the end of the calendar
            while waiting:
                yield heapq.heappop(waiting)

    def _earliest(self, moment: datetime) -> datetime:
        """The local time of `moment`, less what the clocks go back at that time."""
        before, now, then = (
            (moment + around).astimezone(self.zone) for around in (-_A_DAY, timedelta(0), _A_DAY)
        )
        back = (before.utcoffset() or timedelta(0)) - (then.utcoffset() or timedelta(0))
        return now.replace(tzinfo=None) - max(back, timedelta(0))

    def _instants(self, wall: datetime) -> list[datetime]:
        found = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        real = {
            one for one in found if one.astimezone(self.zone).replace(tzinfo=None, fold=0) == wall
        }
        return sorted(real)


@lru_cache(256)
def parse(text: str) -> Cron:
    """The cron of `Schedule.cron`; raises InvalidArgument."""
    from croniter import CroniterError, croniter

    prefixed = _PREFIXED.fullmatch(text.strip())
    name, fields = prefixed.groups() if prefixed else ("UTC", text)
    try:
        if not _ZONE.fullmatch(name):
            raise ValueError
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidArgument(
            f"schedule.cron {text[:100]!r}: {name[:100]!r} is not in the IANA time zone database; "
            "use a name such as America/New_York."
        ) from None
    try:
        if not _FIELDS.fullmatch(fields) or not croniter.is_valid(fields):
            raise ValueError
        cron = Cron(fields.strip().lower(), zone)
    except (CroniterError, ValueError, KeyError):
        raise InvalidArgument(
            f"schedule.cron {text[:100]!r} is not a cron expression; send five fields such as "
            "'0 3 * * 1', after TZ=ZONE or CRON_TZ=ZONE if they are not in UTC."
        ) from None
    if next(cron.after(_ANY_TIME), None) is None:
        raise InvalidArgument(f"schedule.cron {text[:100]!r} never comes; correct day and month.")
    return cron
