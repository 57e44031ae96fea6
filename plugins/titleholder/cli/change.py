"""The verbs that change something."""

import argparse
import json
import sys
import time

from titleholder.cli.context import Desk
from titleholder.cli.terminal import say
from titleholder.reconciler.engine import Waiting
from titleholder.rollout.wishes import Wish, intent_of

LOOK_SECONDS = 5.0


def change(desk: Desk, options: argparse.Namespace) -> int:
    """Carry the wish out, however long its operations take; each step is told on stderr."""
    engine = desk.engine(options.reason)
    wish, _, _ = engine.pin(Wish(options.kind, options.deployed_model_id, options.share))
    intent = intent_of(wish)
    waiting: Waiting | None = None
    while True:
        result = engine.run(intent, waiting)
        if not isinstance(result, Waiting):
            break
        if waiting is None or waiting.operation != result.operation:
            say(f"waiting for {result.operation}", sys.stderr)
        waiting = result
        time.sleep(LOOK_SECONDS)
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
        say(result.summary)
    return 0
