"""Output on a terminal, or plainly, without colours and lines of tables, and never wrapped or cut:
where stdout is no terminal, or NO_COLOR (https://no-color.org), CI or TERM=dumb is set."""

import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from titleholder.alerts.text import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

# Wider than any line.
_UNLIMITED = 100_000


def print_line(line: str, to: TextIO | None = None) -> None:
    """Print one line, by default on stdout. Text that it quotes, such as a reason or an error, can
    neither begin another line nor control the terminal."""
    print(plain(line), file=to or sys.stdout)


def print_json(answer: Any) -> None:
    """Print the one JSON document of a verb on stdout."""
    print(json.dumps(answer))


def is_plain(file: TextIO | None = None) -> bool:
    """Whether `file`, by default stdout, gets plain output."""
    asked = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return bool(asked) or not (file or sys.stdout).isatty()


def console() -> "Console":
    """The console of stdout."""
    from rich.console import Console

    if is_plain():
        return Console(
            file=sys.stdout, width=_UNLIMITED, color_system=None, force_terminal=False, emoji=False
        )
    return Console(file=sys.stdout, highlight=False, emoji=False)


def show(*parts: "RenderableType") -> None:
    """Print what rich can render, without spaces at the ends of plain lines."""
    to = console()
    with to.capture() as captured:
        for part in parts:
            to.print(part, crop=False)
    for line in captured.get().splitlines():
        print(line.rstrip() if is_plain() else line)


def text(content: object, style: str = "") -> "Text":
    """Text for `show`, of which nothing is taken for markup or controls the terminal."""
    from rich.text import Text

    return Text(plain(str(content)), style=style)


def table(head: Sequence[str], rows: Iterable[Sequence["str | Text"]]) -> "Table":
    """A table for `show`, whose last column alone is wrapped; without lines where plain."""
    from rich import box
    from rich.table import Table

    found = Table(
        box=None if is_plain() else box.SIMPLE_HEAD,
        header_style="bold",
        pad_edge=False,
        show_edge=False,
        # A box has a space of its own between two columns.
        padding=(0, 2 if is_plain() else 1, 0, 0),
    )
    for number, name in enumerate(head, 1):
        found.add_column(name, no_wrap=number < len(head), overflow="fold")
    for row in rows:
        found.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    return found


def facts(rows: Iterable[tuple[str, "str | Text"]], indent: int = 2) -> "RenderableType":
    """Lines `name: text` for `show`, with the texts below each other."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, content in rows:
        grid.add_row(f"{name}:", text(content) if isinstance(content, str) else content)
    return Padding(grid, (0, 0, 0, indent), expand=False)


def unwrapped(content: str) -> "Text":
    """A line for `show` that only the terminal itself breaks, such as an address to copy."""
    found = text(content)
    found.no_wrap, found.overflow = True, "ignore"
    return found


class LineFormatter(logging.Formatter):
    """The message alone, as `print_line` prints it; below it an unchanged traceback, if any."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message on one line."""
        return plain(super().formatMessage(record))
