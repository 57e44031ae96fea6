"""The verb history: the events of a model."""

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
    """Print the events, the last `--limit` of them, or, with --at, the champion then and why."""
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
            print_line(f"{desk.config.model}: there are no events yet")
        return 0
    if created is not None and options.at >= created:
        # An endpoint that was deleted since had other models.
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
    """The event on one line: time, action, reason, actor and the actor's reason."""
    actor = f"{event.actor or 'unknown'}, {event.run or 'unknown run'}"
    reason = event.evidence.get(REASON)
    # Quoted, so that nothing in it can end the quotation.
    why = f", because {json.dumps(str(reason), ensure_ascii=False)}" if reason else ""
    return f"{event.time:%Y-%m-%d %H:%M:%S} UTC {event.action:17} {event.reason} ({actor}{why})"


def fields(event: Event) -> dict[str, Any]:
    """The event for JSON."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(event).items()
    }
