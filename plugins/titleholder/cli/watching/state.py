"""The state of the champion on a terminal, by the events of the looks at it."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from titleholder.analysis.watching.champion import watched_champion
from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import facts, print_json, print_line, show, table
from titleholder.events.event import events_of_endpoint
from titleholder.page.text import moment
from titleholder.page.watching import Watching, watching

# So many of the newest days are printed.
DAYS = 14
LOOK_BACK = timedelta(days=90)


def champion_state(context: CommandContext, *, as_json: bool) -> int:
    """Print the last look at the present champion, its newest days and data drift; 1 if it has
    decayed or was never looked at."""
    config, view = context.config, context.endpoints.observe()
    champion = watched_champion(view)
    if champion is None:
        print_json(None) if as_json else print_line(f"{config.model}: there is no champion")
        return 1
    since = datetime.now(UTC) - LOOK_BACK
    events = context.events.read(config.model, since=since, endpoint=view.endpoint)
    own = events_of_endpoint(events, view.endpoint, view.created)
    found = watching(config.watch, own, champion.model.id)
    if as_json:
        print_json(_to_json(champion.model.version, found))
    elif found is None or found.time is None:
        print_line(f"{champion.model} has not been looked at; {_hint(context)}")
    else:
        _print(champion.model.version, found)
    return 0 if found is not None and found.phase not in ("", "decayed") else 1


def _hint(context: CommandContext) -> str:
    model = context.config.model
    if context.config.watch is None:
        return (
            f"{model}.yaml has no section watch (docs/explanation/watching.md); to see what it "
            f"would have found, use `titleholder watch {model} --weeks 8`"
        )
    return f"{model}__rollout does so on its schedule"


def _print(version: str, found: Watching) -> None:
    assert found.time is not None
    rows = [("look", f"{moment(found.time)} UTC"), ("state", found.reason)]
    rows += [("next", found.follows)] if found.follows else []
    print_line(version)
    show(facts(rows))
    own = [point for point in found.points if point.version == version][-DAYS:]
    head = ("day", "rows", "loss", "reference", "state")
    show(table(head, _day_rows(own)))
    for _, text, above in found.drift:
        print_line(f"data drift: {text}" + ("; above the limit" if above else ""))


def _day_rows(points: list[Any]) -> Iterator[tuple[str, ...]]:
    for point in points:
        reference = f"{point.reference:.4g}" if point.reference is not None else "-"
        state = "decayed" if point.decayed else ""
        yield point.day.isoformat(), f"{point.n:,.0f}", f"{point.loss:.4g}", reference, state


def _to_json(version: str, found: Watching | None) -> dict[str, Any]:
    if found is None:
        return {"version": version, "phase": None}
    return {
        "version": version,
        "phase": found.phase or None,
        "time": found.time.isoformat() if found.time is not None else None,
        "reason": found.reason,
        "next": found.follows,
        "days": [
            {
                "day": point.day.isoformat(),
                "n": point.n,
                "loss": point.loss,
                "reference": point.reference,
                "decayed": point.decayed,
            }
            for point in found.points
            if point.version == version
        ],
        "data_drift": [
            {
                "column": column.column,
                "psi": None if math.isnan(column.psi) else column.psi,
                "text": text,
                "above_limit": above,
            }
            for column, text, above in found.drift
        ],
    }
