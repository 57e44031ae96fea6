"""The verb `history`."""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_line
from titleholder.events.event import Event, champion_at, events_of_endpoint
from titleholder.reconciler.recorder import REASON


def history(context: CommandContext, options: argparse.Namespace) -> int:
    """Print the events, the last `--limit` of them, or, with `--at`, the champion at that time and
    why; 1 when there was none."""
    model = context.config.model
    endpoint, created = context.endpoints.resource()
    events = context.events.read(model, until=options.at, endpoint=endpoint)
    if options.at is None:
        events = events[-options.limit :] if options.limit else events
        if options.json:
            print(json.dumps([event_to_json(event) for event in events]))
            return 0
        for event in events:
            print_line(event_line(event))
        if not events:
            print_line(f"{model}: there are no events yet")
        return 0
    if created is not None and options.at >= created:
        # A deleted endpoint of the same name had other models.
        events = events_of_endpoint(events, endpoint, created)
    found = champion_at(events, options.at)
    if options.json:
        print(json.dumps(event_to_json(found) if found else None))
    elif found is None:
        print_line(f"{model} had no champion at {options.at:%Y-%m-%d %H:%M} UTC")
    else:
        champion = found.champion_after or ""
        print_line(
            f"{found.version_text(champion)} (id {champion}) was champion at "
            f"{options.at:%Y-%m-%d %H:%M} UTC, since {found.time:%Y-%m-%d %H:%M} UTC"
        )
        print_line(f"  {event_line(found)}")
        # The reason is in that line.
        evidence = {name: value for name, value in found.evidence.items() if name != REASON}
        for line in _evidence_lines(evidence, "    "):
            print_line(line)
    return 0 if found else 1


def event_line(event: Event) -> str:
    """The event on one line: time, action, reason, actor and the actor's reason."""
    actor = f"{event.actor or 'unknown'}, {event.run or 'unknown run'}"
    reason = event.evidence.get(REASON)
    # Quoted, so that nothing in it can end the quotation.
    why = f", because {json.dumps(str(reason), ensure_ascii=False)}" if reason else ""
    return f"{event.time:%Y-%m-%d %H:%M:%S} UTC {event.action:17} {event.reason} ({actor}{why})"


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as JSON."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(event).items()
    }


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
