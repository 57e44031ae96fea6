"""Runs one verb: its log, its errors as one sentence, and its exit code."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from titleholder.cli.terminal import LineFormatter, print_line

FAILED = 1
INTERRUPTED = 130
T = TypeVar("T")
U = TypeVar("U")


def run(verb: Callable[[], int], *, as_json: bool) -> int:
    """The exit code of the verb, which logs on stderr; FAILED with the error on stderr if it raises
    one that a person can act upon, INTERRUPTED after Ctrl-C. Raises any other error, a bug.

    The error is one sentence after `titleholder: `, with a line for each error in a model's file;
    with `as_json` it is a JSON object on the last line: `{"error": MESSAGE, "type": CLASS}`.
    """
    try:
        with _engine_log():
            return verb()
    except KeyboardInterrupt:
        print_line("titleholder: stopped; repeat the command to continue", sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise  # The reader of a pipe has enough.
    except Exception as error:
        from titleholder.errors import ConfigError
        from titleholder.gcp.errors import user_message

        message = user_message(error)
        if message is None:
            raise
        if as_json:
            print(json.dumps({"error": message, "type": type(error).__name__}), file=sys.stderr)
            return FAILED
        # A file has a line for each error; anything else is one sentence.
        lines = message.split("\n") if isinstance(error, ConfigError) else [message]
        for number, line in enumerate(lines):
            print_line(line if number else f"titleholder: {line}", sys.stderr)
    return FAILED


def or_message(read: Callable[[], T], shown: Callable[[str], U]) -> T | U:
    """What `read` returns, or what `shown` makes of the sentence of an error that a person can act
    upon. Raises any other error, a bug."""
    try:
        return read()
    except Exception as error:
        from titleholder.gcp.errors import user_message

        message = user_message(error)
        if message is None:
            raise
        return shown(message)


class _StderrHandler(logging.Handler):
    """Prints on the present stderr, which `status --watch` replaces."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def _engine_log() -> Iterator[None]:
    """Print the engine's log on stderr, once and without prefix: importing Airflow's hook gives the
    root logger a handler of its own."""
    log, handler = logging.getLogger("titleholder"), _StderrHandler()
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
