"""The evaluation of the challenger, as `status` prints it."""

from collections.abc import Iterator
from typing import Any

from titleholder.analysis.progress import Progress
from titleholder.analysis.sequential.design import design_to_json


def evaluation_lines(progress: Progress) -> Iterator[str]:
    """The last verdict, and the design with the forecast, or with what it finds, each on a line."""
    last = progress.last
    if last is None:
        yield "verdict: none on this challenger yet"
    else:
        yield f"verdict: {last.time:%Y-%m-%d %H:%M} UTC {last.reason}"
    parts = progress.design_text, progress.forecast, progress.expectation
    yield f"evaluation: {'; '.join(filter(None, parts))}"


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
