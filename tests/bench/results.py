"""The tables as Markdown, on the terminal and in RESULTS.md, where each has a section."""

import os
import platform
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results of `make bench`

Every figure that matters is a ratio of two things measured in the same run, in turn; times are
medians. `.venv/bin/python -m tests.bench NAME` measures one table again and leaves the others.
"""


@dataclass(frozen=True)
class Bar:
    """A limit: at most `bar`, or at least."""

    what: str
    found: float
    bar: float
    unit: str = "x"
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether `found` is within the limit."""
        return self.found >= self.bar if self.at_least else self.found <= self.bar

    def __str__(self) -> str:
        limit = f"at {'least' if self.at_least else 'most'} {self.bar:g}{self.unit}"
        result = "reached" if self.reached else "**missed**"
        return f"{self.what}: {self.found:.3g}{self.unit}, {limit}: {result}"


@dataclass(frozen=True)
class Table:
    """One table: cells are text already. `notes` explain the measurement."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Markdown with columns that a terminal shows aligned: the first to the left, numbers to
        the right."""
        width = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        rule = [f"{'-' * n}" if i == 0 else f"{'-' * (n - 1)}:" for i, n in enumerate(width)]

        def line(cells: tuple[str, ...] | list[str]) -> str:
            padded = [
                cell.ljust(n) if i == 0 else cell.rjust(n)
                for i, (cell, n) in enumerate(zip(cells, width, strict=True))
            ]
            return f"| {' | '.join(padded)} |"

        text = [line(self.head), line(rule), *map(line, self.rows), ""]
        text += [*(f"- {bar}" for bar in self.bars), *([""] if self.bars else [])]
        return "\n".join([*text, *self.notes]).rstrip() + "\n"


def write_section(
    name: str, table: Table, order: list[str], quick: bool = False, path: Path = RESULTS
) -> None:
    """Write the table into the file, as its section `name`; the other sections are unchanged."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections_by_name = {
        part[0]: part[1] for part in re.findall(r"(?ms)^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", text)
    }
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
    machine += platform.python_version()
    command = f"python -m tests.bench {name}{' --quick' if quick else ''}"
    sections_by_name[name] = (
        f"## {table.title}\n\n`{command}`, {datetime.now(UTC):%Y-%m-%d}, {machine}\n\n{table}\n"
    )
    known = [*order, *(other for other in sections_by_name if other not in order)]
    sections = [
        f"<!-- {one} -->\n{sections_by_name[one].rstrip()}\n"
        for one in known
        if one in sections_by_name
    ]
    path.write_text("\n".join([HEAD, *sections]), encoding="utf-8")
