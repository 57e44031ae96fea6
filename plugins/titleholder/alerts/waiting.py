"""What is told of a source that is late, once for every run."""

from datetime import datetime, timedelta

from titleholder.alerts.alert import Alert, Kind
from titleholder.freshness import Finding
from titleholder.interval import Interval


def stale(
    model: str, interval: Interval, finding: Finding, check_every: timedelta, now: datetime
) -> Alert:
    """The alert of a stale source that is waited for until `finding.wait_until`."""
    late = (now - interval.end) / timedelta(hours=1)
    minutes = check_every / timedelta(minutes=1)
    return Alert(
        Kind.STALE,
        model,
        f"data of {interval}",
        f"{late:.1f} h after the end of the interval: {finding.sentence}.",
        "unchanged; this interval's model is not trained yet.",
        f"Load the rows: the run looks every {minutes:g} min and goes on by itself; at "
        f"{finding.wait_until:%Y-%m-%d %H:%M} UTC it fails.",
    )
