"""The verb `history`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_json, print_line, show, table
from titleholder.events.event import Event, champion_at, events_of_endpoint
from titleholder.page.text import age, run_text
from titleholder.reconciler.recorder import REASON


def history(context: CommandContext, limit: int | None, *, as_json: bool) -> int:
    """Print the events, the last `limit` of them, one in each row."""
    model = context.config.model
    endpoint, _ = context.endpoints.resource()
    events = context.events.read(model, endpoint=endpoint)
    events = events[-limit:] if limit else events
    if as_json:
        print_json([event_to_json(event) for event in events])
        return 0
    if not events:
        print_line(f"{model}: there are no events yet")
        return 0
    now = datetime.now(UTC)
    rows = [
        [
            f"{event.time:%Y-%m-%d %H:%M}",
            age(event.time, now),
            event.action,
            _what(event, run_text(event.run)),
        ]
        for event in events
    ]
    show(table(("time (UTC)", "age", "action", "reason, and by what"), rows))
    return 0


def champion(context: CommandContext, at: datetime, *, as_json: bool) -> int:
    """Print the champion at that time (aware), and why; 1 when there was none."""
    model = context.config.model
    endpoint, created = context.endpoints.resource()
    events = context.events.read(model, until=at, endpoint=endpoint)
    if created is not None and at >= created:
        # A deleted endpoint of the same name had other models.
        events = events_of_endpoint(events, endpoint, created)
    found = champion_at(events, at)
    if as_json:
        print_json(event_to_json(found) if found else None)
    elif found is None:
        print_line(f"{model} had no champion at {at:%Y-%m-%d %H:%M} UTC")
    else:
        holder = found.champion_after or ""
        now = datetime.now(UTC)
        print_line(
            f"{found.version_text(holder)} (id {holder}) was champion at {at:%Y-%m-%d %H:%M} UTC, "
            f"since {found.time:%Y-%m-%d %H:%M} UTC"
        )
        print_line(f"  {event_text(found, now)}")
        # The reason is in that line.
        evidence = {name: value for name, value in found.evidence.items() if name != REASON}
        for line in _evidence_lines(evidence, "    "):
            print_line(line)
    return 0 if found else 1


def event_text(event: Event, now: datetime) -> str:
    """The event in one sentence: time, age, action, reason, actor and the actor's reason."""
    when = f"{event.time:%Y-%m-%d %H:%M:%S} UTC, {age(event.time, now)} ago"
    return f"{when}: {event.action}: {_what(event, event.run)}"


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as JSON."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(event).items()
    }


def _what(event: Event, run: str) -> str:
    """The reason, the actor with the run, and the actor's reason."""
    actor = f"{event.actor or 'unknown'}, {run or 'unknown run'}"
    reason = event.evidence.get(REASON)
    # Quoted, so that nothing in it can end the quotation.
    why = f", because {json.dumps(str(reason), ensure_ascii=False)}" if reason else ""
    return f"{event.reason} ({actor}{why})"


def _evidence_lines(evidence: Mapping[str, Any], indent: str) -> Iterator[str]:
    """`name: value`, one a line; what a value contains is indented below its name."""
    for key, value in evidence.items():
        name = f"{indent}{key.replace('_', ' ')}:"
        parts = value if isinstance(value, list) else [value]
        if isinstance(value, dict) and value:
            yield name
            yield from _evidence_lines(value, f"{indent}  ")
        elif any(isinstance(part, dict | list) and part for part in parts):
            yield name
            for number, part in enumerate(parts, 1):
                yield from _evidence_lines({str(number): part}, f"{indent}  ")
        else:
            yield f"{name} {', '.join(map(_value_text, parts)) or 'none'}"


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if value or value == 0 else "none"
