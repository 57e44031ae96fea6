"""Events and facts of a model, for tests of the page."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from titleholder.config.loader import load_model
from titleholder.events.event import Event
from titleholder.page.facts import ModelFacts
from titleholder.rollout.view import View

CONFIG = load_model(Path(__file__).parents[3] / "dags" / "models" / "linnerud.yaml")
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
DAY = timedelta(days=1)
REPORT = "gs://b/pipelines/1/duel-1/report.html"
JOB = "projects/1/locations/us-central1/pipelineJobs/duel-1"
ENDPOINT = "projects/1/locations/us-central1/endpoints/7"


def event(days_ago: float, action: str, **fields: Any) -> Event:
    """One event of linnerud."""
    time = NOW - days_ago * DAY
    plain = {
        "id": f"{action}{days_ago * 100:.0f}",
        "time": time,
        "model": "linnerud",
        "action": action,
        "endpoint": ENDPOINT,
    }
    return Event(**{**plain, "reason": "", **fields})


def evaluated(
    days_ago: float, estimate: float | str | None, half: float | None = 0.02, challenger: str = "2"
) -> Event:
    """A verdict on `challenger`, with an interval of that half width; None has none."""
    ends = {}
    if half is not None and isinstance(estimate, float):
        ends = {"low": estimate - half, "high": estimate + half}
    verdict = {
        "outcome": "hold",
        "n": 524,
        "estimate": estimate,
        "margin": 0.0,
        "analysis_count": 1,
        **ends,
    }
    return event(
        days_ago,
        "evaluated",
        reason="hold: not decided yet",
        challenger_after=challenger,
        versions={challenger: f"linnerud@{challenger}"},
        run="linnerud__rollout/scheduled__2026-11-20T05:00:00+00:00",
        evidence={"verdict": verdict, "traffic_percentage": 10, "job": JOB, "report": REPORT},
    )


def facts(
    *events: Event, view: View | None = None, unreachable: tuple[str, ...] = (), **changes: Any
) -> ModelFacts:
    """The facts of linnerud, with these sections of its file changed."""
    return ModelFacts(CONFIG.model_copy(update=changes), NOW, view, events, unreachable)
