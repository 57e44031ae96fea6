"""The verbs that change an endpoint: one for each intent."""

import argparse
import json
import sys
import time

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_line
from titleholder.reconciler.engine import PendingOperation
from titleholder.rollout.intents import intent_from

POLL_SECONDS = 5.0


def change(context: CommandContext, options: argparse.Namespace) -> int:
    """Apply the intent, however long its operations take; each step is logged on stderr."""
    engine = context.engine(options.reason)
    requested = intent_from(options.intent, options.deployed_model_id, options.traffic_percentage)
    intent, _, _ = engine.resolve_target(requested)
    pending: PendingOperation | None = None
    while True:
        result = engine.run(intent, pending)
        if not isinstance(result, PendingOperation):
            break
        if pending is None or pending.operation != result.operation:
            print_line(f"waiting for {result.operation}", sys.stderr)
        pending = result
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
