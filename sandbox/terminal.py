"""Output for a person: colours and progress in a terminal, plain lines anywhere else.

Which of them is a rule of the command line (titleholder/cli/terminal.py).
"""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from titleholder.cli.terminal import is_plain

Part = str | tuple[str, str]
"""A text, or a text and its style, such as `("healthy", "green")`."""
# Wider than any line: without a terminal nothing is broken into lines.
_UNLIMITED = 10_000


class Terminal:
    """Prints on `file`, by default stdout."""

    def __init__(self, file: TextIO | None = None) -> None:
        file = file or sys.stdout
        self.plain = is_plain(file)
        self._console = Console(
            file=file,
            force_terminal=not self.plain,
            no_color=self.plain,
            width=None if file.isatty() else _UNLIMITED,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @property
    def width(self) -> int:
        """The number of columns."""
        return self._console.width

    def print(self, *parts: Part) -> None:
        """One line, which is never broken here: addresses and commands can be copied."""
        self._console.print(Text.assemble(*parts), soft_wrap=True)

    def item(self, label: Sequence[Part], text: Part, width: int, indent: int = 2) -> None:
        """A label of `width` columns and a text beside it, which is broken within its column."""
        table = Table.grid(Column(width=width, no_wrap=True), Column(), padding=(0, 2, 0, 0))
        table.add_row(Text.assemble(*label), Text.assemble(text))
        self._console.print(Padding(table, (0, 0, 0, indent), expand=False))

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[Part]],
        right: Collection[str] = (),
        indent: int = 0,
    ) -> None:
        """A table; cells of the columns in `right` are right-aligned. `head` may be empty."""
        names = head or [""] * max(map(len, rows), default=0)
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=bool(head))
        for name in names:
            table.add_column(
                name,
                justify="right" if name in right else "left",
                header_style="bold",
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text.assemble(cell) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, indent), expand=False))

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show a spinner, the text and the time that has passed, until the block ends; the block
        may call the function that it gets with another text. Without a terminal, only those texts
        are printed, each as a line."""
        if self.plain:
            yield self.print
            return
        columns = (
            SpinnerColumn(style="cyan"),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            TimeElapsedColumn(),
        )
        # The caller redirects stdout and stderr to a file meanwhile.
        bar = Progress(
            *columns,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            task = bar.add_task(text, total=None)
            yield lambda text: bar.update(task, description=text)
