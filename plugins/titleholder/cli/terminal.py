"""What the verbs say on a terminal."""

import logging
import sys
from typing import TextIO

from titleholder.alerts.text import plain


def print_line(line: str, to: TextIO | None = None) -> None:
    """Print one line, by default on stdout. What it quotes, a reason or an error of others, can
    neither begin another line nor command the terminal."""
    print(plain(line), file=to or sys.stdout)


class LineFormatter(logging.Formatter):
    """The message alone, as `say` prints it; the traceback below it, if there is one, as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message on one line."""
        return plain(super().formatMessage(record))
