"""The verb that looks back: history."""

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.evidence import evidence_lines
from titleholder.cli.terminal import print_line
from titleholder.events.event import Event, champion_at, events_of_endpoint
from titleholder.reconciler.recorder import REASON


def history(desk: CommandContext, options: argparse.Namespace) -> int:
    """The events, the last `--limit` of them, or, with --at, who was champion then and why."""
    endpoint, created = desk.endpoints.resource()
    events = desk.events.read(desk.config.model, until=options.at, endpoint=endpoint)
    if options.at is None:
        events = events[-options.limit :] if options.limit else events
        if options.json:
            print(json.dumps([fields(event) for event in events]))
            return 0
        for event in events:
            print_line(line(event))
        if not events:
            print_line(f"{desk.config.model}: nothing has happened yet")
        return 0
    if created is not None and options.at >= created:
        # The champion of an endpoint that was deleted since does not answer at this one.
        events = events_of_endpoint(events, endpoint, created)
    found = champion_at(events, options.at)
    if options.json:
        print(json.dumps(fields(found) if found else None))
    elif found is None:
        print_line(f"{desk.config.model} had no champion at {options.at:%Y-%m-%d %H:%M} UTC")
    else:
        champion = found.champion_after or ""
        print_line(
            f"{found.version_text(champion)} (id {champion}) was champion at "
            f"{options.at:%Y-%m-%d %H:%M} UTC, since {found.time:%Y-%m-%d %H:%M} UTC"
        )
        print_line(f"  {line(found)}")
        # The reason is in that line.
        evidence = {name: value for name, value in found.evidence.items() if name != REASON}
        for written in evidence_lines(evidence, "    "):
            print_line(written)
    return 0 if found else 1


def line(event: Event) -> str:
    """The event on one line: when, what, and who wanted it for which reason."""
    who = f"{event.actor or 'unknown'}, {event.run or 'unknown run'}"
    said = event.evidence.get(REASON)
    # In quotes that nothing in it can close.
    why = f", because {json.dumps(str(said), ensure_ascii=False)}" if said else ""
    return f"{event.time:%Y-%m-%d %H:%M:%S} UTC {event.action:10} {event.reason} ({who}{why})"


def fields(event: Event) -> dict[str, Any]:
    """The event for JSON."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(event).items()
    }
