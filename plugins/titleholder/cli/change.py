"""The verbs that change an endpoint."""

import argparse
import json
import sys
import time

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_line
from titleholder.reconciler.engine import PendingOperation
from titleholder.rollout.intents import intent_from

POLL_SECONDS = 5.0


def change(desk: CommandContext, options: argparse.Namespace) -> int:
    """Apply the intent, however long its operations take; each step is logged on stderr."""
    engine = desk.engine(options.reason)
    asked = intent_from(options.intent, options.deployed_model_id, options.traffic_percentage)
    intent, _, _ = engine.resolve_target(asked)
    waiting: PendingOperation | None = None
    while True:
        result = engine.run(intent, waiting)
        if not isinstance(result, PendingOperation):
            break
        if waiting is None or waiting.operation != result.operation:
            print_line(f"waiting for {result.operation}", sys.stderr)
        waiting = result
        time.sleep(POLL_SECONDS)
    if options.json:
        view = result.view
        answer = {
            "summary": result.summary,
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }
        print(json.dumps(answer))
    else:
        print_line(result.summary)
    return 0
