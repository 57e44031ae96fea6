"""What is told of a source that is late, once for every run."""

from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, AlertKind
from titleholder.freshness import Finding
from titleholder.intervals import Interval


def alert_for_stale_source(
    model: str, interval: Interval, finding: Finding, poke_interval: timedelta, now: datetime
) -> Alert:
    """The alert of a stale source that is waited for until `finding.wait_until`."""
    late = (now - interval.end) / timedelta(hours=1)
    minute = timedelta(minutes=1)
    every = (
        f"{poke_interval / minute:g} min"
        if poke_interval >= minute
        else f"{poke_interval.total_seconds():g} s"
    )
    return Alert(
        AlertKind.STALE,
        model,
        f"data of {interval}",
        f"{late:.1f} h after the end of the interval: {finding.reason}.",
        "unchanged; this interval's model is not trained yet.",
        f"Load the rows: the run looks every {every} and goes on by itself; at "
        f"{finding.wait_until:%Y-%m-%d %H:%M} UTC it fails.",
    )
