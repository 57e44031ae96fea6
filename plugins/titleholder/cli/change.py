"""The verbs that change an endpoint: one for each intent."""

import sys
import time

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_json, print_line
from titleholder.reconciler.engine import PendingOperation
from titleholder.rollout.intents import intent_from

POLL_SECONDS = 5.0


def change(
    context: CommandContext,
    verb: str,
    deployed_model_id: str | None,
    traffic_percentage: int | None,
    reason: str | None,
    *,
    as_json: bool,
) -> int:
    """Apply the intent of the verb, however long its operations take; each step is logged on
    stderr."""
    engine = context.engine(reason)
    requested = intent_from(verb.replace("-", "_"), deployed_model_id, traffic_percentage)
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
    if not as_json:
        print_line(result.summary)
        return 0
    view = result.view
    print_json(
        {
            "summary": result.summary,
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }
    )
    return 0
