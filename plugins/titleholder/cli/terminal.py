"""Output on a terminal."""

import logging
import sys
from typing import TextIO

from titleholder.alerts.text import plain


def print_line(line: str, to: TextIO | None = None) -> None:
    """Print one line, by default on stdout. Text that it quotes, such as a reason or an error, can
    neither begin another line nor control the terminal."""
    print(plain(line), file=to or sys.stdout)


class LineFormatter(logging.Formatter):
    """The message alone, as `print_line` prints it; below it an unchanged traceback, if any."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message on one line."""
        return plain(super().formatMessage(record))
