"""The verdicts on challengers as points of the chart, from their events. No I/O."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from titleholder.events.event import Action, Event


@dataclass(frozen=True)
class VerdictPoint:
    """One verdict. `estimate`, `low` and `high` are of the mean difference, champion's loss minus
    challenger's; `low` and `high` are None without an interval. `n` counts `units`, rows or
    clusters. `challenger` is a deployed model id, "" if unknown, and `version` its version, else
    that id."""

    time: datetime
    outcome: str
    reason: str
    challenger: str
    version: str
    n: float | None
    units: str
    estimate: float | None
    low: float | None
    high: float | None
    margin: float
    traffic_percentage: float | None
    analysis_count: float | None
    run: str
    job: str
    report: str

    @property
    def leaning(self) -> Literal["better", "worse", "even", "none"]:
        """The side of zero on which the whole interval is; "none" without an interval."""
        if self.low is None or self.high is None:
            return "none"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"


def verdict_points(events: Iterable[Event]) -> list[VerdictPoint]:
    """The verdicts of the events, in their order."""
    return [_point(event) for event in events if event.action == Action.EVALUATED]


def _point(event: Event) -> VerdictPoint:
    # Rows of other versions may lack anything.
    evidence = event.evidence
    recorded = evidence.get("verdict")
    verdict: dict[str, Any] = recorded if isinstance(recorded, dict) else {}
    duel = evidence.get("duel")
    clustered = isinstance(duel, dict) and bool(duel.get("cluster_column"))
    challenger = event.challenger_after or ""
    return VerdictPoint(
        time=event.time,
        outcome=str(verdict.get("outcome", "unknown")),
        reason=event.reason,
        challenger=challenger,
        version=event.versions.get(challenger) or challenger or "unknown",
        n=_number(verdict.get("n")),
        units="clusters" if clustered else "rows",
        estimate=_number(verdict.get("estimate")),
        low=_number(verdict.get("low")),
        high=_number(verdict.get("high")),
        margin=_number(verdict.get("margin")) or 0.0,
        traffic_percentage=_number(evidence.get("traffic_percentage")),
        analysis_count=_number(verdict.get("analysis_count")),
        run=event.run,
        job=str(evidence.get("job") or ""),
        report=str(evidence.get("report") or ""),
    )


def _number(value: Any) -> float | None:
    """The value if it is a finite number, else None: NaN and infinities are words in an event."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
