"""The verdicts on challengers as points of the chart, from their events. No I/O."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from titleholder.analysis.verdict import Outcome
from titleholder.events.event import Action, Event


@dataclass(frozen=True)
class VerdictPoint:
    """One verdict. `estimate`, `low` and `high` are of the mean difference, champion's loss minus
    challenger's; `low` and `high` are None without an interval. `adjusted` is the estimate without
    the bias of stopping at a boundary, None where none is crossed. `issue` is the most severe one,
    "" for none. `n` counts `units`, rows or clusters. `challenger` is a deployed model id, "" if
    unknown, and `version` its version, else that id."""

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
    adjusted: float | None
    margin: float
    issue: str
    futile: bool
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

    @property
    def left_for_futility(self) -> bool:
        """Whether the verdict was a rollback because a promotion had become too unlikely, not
        because the challenger was worse."""
        worse = self.high is not None and self.high < -self.margin
        return self.outcome == Outcome.ROLLBACK and self.futile and not worse


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
        adjusted=_number(verdict.get("adjusted")),
        margin=_number(verdict.get("margin")) or 0.0,
        issue=str(verdict.get("issue") or ""),
        futile=verdict.get("futile") is True,
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
