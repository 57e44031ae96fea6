"""The command `titleholder VERB`: parses the arguments, and prints errors as one sentence."""

import argparse
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from titleholder.cli.change import change
from titleholder.cli.context import CommandContext
from titleholder.cli.design import design
from titleholder.cli.history import history
from titleholder.cli.plan import DEPLOY, plan
from titleholder.cli.report import report
from titleholder.cli.schema import schema
from titleholder.cli.status import status
from titleholder.cli.terminal import LineFormatter, print_line
from titleholder.cli.validate import validate
from titleholder.config.loader import load_model_by_name
from titleholder.errors import ConfigError
from titleholder.gcp.errors import user_message
from titleholder.reconciler.recorder import MAX_REASON_LENGTH
from titleholder.release import DAGS_FOLDER
from titleholder.rollout.intents import INTENTS, SetTrafficPercentage, UpdateResources, summary

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns 0 for done and 1 for refused or failed, with one sentence on stderr;
    wrong usage exits with 2."""
    options = make_parser().parse_args(arguments)
    try:
        with _engine_log():
            return int(options.do(options))
    except KeyboardInterrupt:
        print_line("titleholder: stopped; repeat the command to continue", sys.stderr)
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


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; the parsed options have the verb's function as `do`."""
    parser = argparse.ArgumentParser(
        prog="titleholder",
        description="The rollout of a model's endpoint: its state, its history and its changes.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--models",
        type=Path,
        default=DAGS_FOLDER / "models",
        metavar="FOLDER",
        help="the folder of YAML files",
    )
    common = argparse.ArgumentParser(add_help=False, parents=[folder])
    common.add_argument("model", help="the name of a YAML file in dags/models")
    common.add_argument("--json", action="store_true", help="print JSON")

    verb = verbs.add_parser(
        "status",
        parents=[common],
        help="print the deployed models with role and traffic, the last change, and the evaluation "
        "of the challenger",
    )
    verb.set_defaults(do=_for_model(status))

    verb = verbs.add_parser(
        "history", parents=[common], help="print the events, or the champion at a time"
    )
    verb.add_argument(
        "--at",
        type=_time,
        metavar="TIME",
        help="print the champion at that time, and why: 2026-11-16, 2026-11-16T03:00Z",
    )
    verb.add_argument("--limit", type=_number, metavar="N", help="print only the last N events")
    verb.set_defaults(do=_for_model(history))

    verb = verbs.add_parser(
        "plan",
        parents=[common],
        help="print the calls that an intent leads to, and the split after each; changes nothing",
    )
    verb.add_argument(
        "intent",
        nargs="?",
        type=_intent,
        default=DEPLOY,
        choices=[DEPLOY, *INTENTS],
        metavar="INTENT",
        help=f"{', '.join(map(_verb, [DEPLOY, *INTENTS]))}; by default {DEPLOY}, that of the next "
        "weekly run",
    )
    verb.add_argument("traffic_percentage", nargs="?", type=int, help="for set-traffic: 1 to 99")
    _add_target(verb)
    verb.set_defaults(do=_for_model(plan))

    verb = verbs.add_parser(
        "design",
        parents=[common],
        help="print when the evaluation of a challenger ends, and which improvements it finds by "
        "then; changes nothing",
    )
    verb.add_argument(
        "--at", type=_time, metavar="TIME", help="when it is deployed, instead of now"
    )
    verb.add_argument(
        "--weeks",
        type=_weeks,
        default=4,
        metavar="N",
        help="the last weeks of the source that are read (default 4)",
    )
    verb.add_argument(
        "--alpha", type=_alpha, metavar="ALPHA", help="instead of `duel.alpha`, up to 0.25"
    )
    verb.add_argument(
        "--days",
        type=_days,
        metavar="DAYS",
        help="the duration, instead of the time until the next weekly run or `duel.max_duration`",
    )
    verb.add_argument(
        "--rows-per-day",
        type=_positive,
        metavar="ROWS",
        help="labelled rows a day, instead of those of the source",
    )
    verb.add_argument(
        "--variance",
        type=_positive,
        metavar="VARIANCE",
        help="of the difference of the two models' losses of one row, instead of that of the last "
        "duel or an upper bound by the source",
    )
    verb.set_defaults(do=_for_model(design))

    for name, intent in INTENTS.items():
        text = summary(intent)
        text = text[:1].lower() + text[1:]
        verb = verbs.add_parser(_verb(name), parents=[common], help=text)
        if intent is SetTrafficPercentage:
            verb.add_argument("traffic_percentage", type=int, help="1 to 99")
        if intent is UpdateResources:
            verb.set_defaults(deployed_model_id=None)
        else:
            _add_target(verb)
        verb.add_argument("--reason", type=_reason, help="why; kept as evidence of the event")
        verb.set_defaults(do=_for_model(change), intent=name)
        if intent is not SetTrafficPercentage:
            verb.set_defaults(traffic_percentage=None)

    verb = verbs.add_parser(
        "report", parents=[folder], help="write the page of Airflow's UI to one HTML file"
    )
    verb.add_argument("model", nargs="*", help="only these models (default: all)")
    verb.add_argument(
        "--out", type=Path, default=Path("titleholder.html"), metavar="FILE", help="the file"
    )
    verb.add_argument("--airflow", metavar="URL", help="the URL of Airflow's UI, for the links")
    verb.set_defaults(do=report)

    verb = verbs.add_parser(
        "validate",
        parents=[folder],
        help="check the YAML files against their pipelines, and print what they lead to",
    )
    verb.set_defaults(do=validate)

    verb = verbs.add_parser("schema", help="print the JSON Schema of a YAML file, for editors")
    verb.set_defaults(do=schema)
    return parser


def _for_model(
    verb: Callable[[CommandContext, argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    def do(options: argparse.Namespace) -> int:
        config = load_model_by_name(options.models, options.model)
        return verb(CommandContext.of(config, os.environ), options)

    return do


def _verb(intent: str) -> str:
    """The verb of an intent: `set-traffic`."""
    return intent.replace("_", "-")


def _intent(verb: str) -> str:
    return verb.replace("-", "_")


def _add_target(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--deployed-model-id",
        metavar="ID",
        help="the deployed model, if not the one that has the role now",
    )


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events; write 1 or more")
    return int(text)


def _weeks(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 104:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of weeks; write 1 to 104")
    return int(text)


def _alpha(text: str) -> float:
    found = _positive(text)
    if found > 0.25:
        raise argparse.ArgumentTypeError(f"{text!r} is too large; write at most 0.25")
    return found


def _days(text: str) -> float:
    found = _positive(text)
    if found > 366:
        raise argparse.ArgumentTypeError(f"{text!r} is too long; write at most 366")
    return found


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (found := float(text)) < math.inf:
            return found
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _reason(text: str) -> str:
    if not 0 < len(text.strip()) <= MAX_REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"write 1 to {MAX_REASON_LENGTH} characters")
    return text.strip()


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write 2026-11-16 or 2026-11-16T03:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
