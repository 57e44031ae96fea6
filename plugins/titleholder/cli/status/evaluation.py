"""The evaluation of the challenger, as `status` prints it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from titleholder.analysis.progress import Progress
from titleholder.analysis.sequential.design import design_to_json
from titleholder.cli.status.split_bar import interval_line
from titleholder.page.text import age


def evaluation_facts(progress: Progress, now: datetime) -> Iterator[tuple[str, str]]:
    """Name and text: the last verdict, its interval, and the design with the forecast, or with what
    it finds."""
    last = progress.last
    if last is None:
        yield "verdict", "none on this challenger yet"
    else:
        yield "verdict", f"{last.time:%Y-%m-%d %H:%M} UTC, {age(last.time, now)} ago: {last.reason}"
        verdict = last.evidence.get("verdict")
        numbers = [_number(verdict, key) for key in ("low", "estimate", "high")]
        low, estimate, high = numbers
        if low is not None and estimate is not None and high is not None:
            yield "interval", f"worse {interval_line(low, estimate, high)} better"
    parts = progress.design_text, progress.forecast, progress.expectation
    yield "evaluation", "; ".join(filter(None, parts))


def evaluation_to_json(progress: Progress) -> dict[str, Any]:
    """The same as JSON; null for what there is not."""
    last = progress.last
    return {
        "verdict": last.evidence.get("verdict") if last else None,
        "verdict_time": last.time.isoformat() if last else None,
        "verdict_reason": last.reason if last else None,
        "design": design_to_json(progress.design),
        "looks": progress.looks,
        "forecast": last.evidence.get("forecast") if last else None,
        "expectation": progress.expectation or None,
    }


def _number(verdict: Any, key: str) -> float | None:
    """The number of a verdict; None for none, and for NaN and infinities, which are stored by their
    names."""
    found = verdict.get(key) if isinstance(verdict, dict) else None
    return float(found) if isinstance(found, int | float) else None
