"""The command `titleholder VERB`: parses the arguments, and prints errors as one sentence."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from titleholder.cli import change as changing
from titleholder.cli import history as past
from titleholder.cli import report as reporting
from titleholder.cli import schema as files
from titleholder.cli import status as looking
from titleholder.cli import validate as checking
from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import LineFormatter, print_line
from titleholder.config.loader import load_model_by_name
from titleholder.errors import ConfigError
from titleholder.gcp.environment import DAGS_FOLDER
from titleholder.gcp.errors import user_message
from titleholder.reconciler.recorder import MAX_REASON_LENGTH
from titleholder.rollout.intents import INTENTS, SetTrafficPercentage, summary

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. 0: done; 1: refused or failed, with one sentence on stderr; 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        with _engine_log():
            return int(options.do(options))
    except KeyboardInterrupt:
        print_line("titleholder: stopped; the same command goes on from here", sys.stderr)
        return INTERRUPTED
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        # A file has a line for each error; anything else is one sentence.
        lines = message.split("\n") if isinstance(error, ConfigError) else [message]
        for number, line in enumerate(lines):
            print_line(line if number else f"titleholder: {line}", sys.stderr)
    return 1


@contextmanager
def _engine_log() -> Iterator[None]:
    """Print the engine's log on stderr, once and without prefix: importing Airflow's hook gives the
    root logger a handler of its own."""
    log, handler = logging.getLogger("titleholder"), logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = True


def _of_a_model(
    verb: Callable[[CommandContext, argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    return lambda options: verb(_desk(options), options)


def _desk(options: argparse.Namespace) -> CommandContext:
    return CommandContext.of(load_model_by_name(options.models, options.model), os.environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="titleholder",
        description="The rollout of a model's endpoint: its state, its history and its changes.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--models", type=Path, default=DAGS_FOLDER / "models", help="the folder of YAML files"
    )
    common = argparse.ArgumentParser(add_help=False, parents=[folder])
    common.add_argument("model", help="the name of a YAML file in dags/models")
    common.add_argument("--json", action="store_true", help="for machines: one JSON object")

    status = verbs.add_parser(
        "status", parents=[common], help="the deployed models with role and traffic"
    )
    status.set_defaults(do=_of_a_model(looking.status))

    history = verbs.add_parser(
        "history", parents=[common], help="the events, or the champion at a time"
    )
    history.add_argument(
        "--at", type=_time, help="the champion at that time, and why: 2026-11-16, 2026-11-16T03:00Z"
    )
    history.add_argument("--limit", type=_number, metavar="N", help="only the last N events")
    history.set_defaults(do=_of_a_model(past.history))

    planned = verbs.add_parser(
        "plan",
        parents=[common],
        help="the calls that an intent leads to, and the split after each; changes nothing",
    )
    planned.add_argument(
        "intent",
        nargs="?",
        type=_intent,
        default=looking.DEPLOY,
        choices=[looking.DEPLOY, *INTENTS],
        metavar="INTENT",
        help=f"{', '.join(map(_verb, [looking.DEPLOY, *INTENTS]))}; by default {looking.DEPLOY}, "
        "that of the next weekly run",
    )
    planned.add_argument("traffic_percentage", nargs="?", type=int, help="for set-traffic: 1 to 99")
    _target(planned)
    planned.set_defaults(do=_of_a_model(looking.plan_of))

    for name, intent in INTENTS.items():
        verb = verbs.add_parser(_verb(name), parents=[common], help=summary(intent))
        if intent is SetTrafficPercentage:
            verb.add_argument("traffic_percentage", type=int, help="1 to 99")
        _target(verb)
        verb.add_argument("--reason", type=_reason, help="why; kept as evidence of the event")
        verb.set_defaults(do=_of_a_model(changing.change), intent=name)
        if intent is not SetTrafficPercentage:
            verb.set_defaults(traffic_percentage=None)

    written = verbs.add_parser(
        "report", parents=[folder], help="the page of Airflow's UI, as one HTML file"
    )
    written.add_argument("model", nargs="*", help="only these models (default: all)")
    written.add_argument("--out", type=Path, default=Path("titleholder.html"), help="the file")
    written.add_argument("--airflow", metavar="URL", help="where Airflow's UI is, for the links")
    written.set_defaults(do=reporting.report)

    check = verbs.add_parser(
        "validate",
        parents=[folder],
        help="check the YAML files against their pipelines, and print what they lead to",
    )
    check.set_defaults(do=checking.validate)
    schema = verbs.add_parser("schema", help="the JSON Schema of a YAML file, for editors")
    schema.set_defaults(do=files.schema)
    return parser


def _verb(intent: str) -> str:
    """The verb of an intent: `set-traffic`."""
    return intent.replace("_", "-")


def _intent(verb: str) -> str:
    return verb.replace("-", "_")


def _target(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--deployed-model-id",
        metavar="ID",
        help="the deployed model, if it is not the one that has the role now",
    )


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of events; write 1 or more")
    return int(text)


def _reason(text: str) -> str:
    if not 0 < len(text.strip()) <= MAX_REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"write 1 to {MAX_REASON_LENGTH} characters")
    return text.strip()


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2026-11-16 or 2026-11-16T03:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
