"""Output in a terminal and anywhere else, of the real command."""

import io
import os
import sys

import pytest

from sandbox.terminal import Terminal
from tests.conftest import REPOSITORY, Sandbox
from tests.terminal import Shown, in_terminal

COLOURED = {"TERM": "xterm-256color"}


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
    return kept | COLOURED | more


def status(sandbox: Sandbox, columns: int, **more: str) -> Shown:
    command = [sys.executable, "-m", "sandbox", "--var", str(sandbox.var), "status"]
    return in_terminal(command, columns, environment(**more), REPOSITORY)


@pytest.mark.parametrize("columns", [80, 120])
def test_status_fits_into_the_terminal_and_has_colours(sandbox: Sandbox, columns: int) -> None:
    shown = status(sandbox, columns)
    assert shown.code == 0, shown.raw
    assert "\x1b[32m" in shown.raw
    services = [line for line in shown.lines if " healthy " in line]
    names = ["BigQuery", "Cloud Storage", "Vertex AI", "Gateway", "PostgreSQL"]
    assert [line.split("  ")[0] for line in services] == names
    assert f"{sandbox.env['BIGQUERY_EMULATOR_HOST']} " in services[0], "a link"
    assert max(map(len, services)) <= 80


@pytest.mark.parametrize("variable", ["NO_COLOR=1", "CI=1", "TERM=dumb"])
def test_a_variable_turns_colours_off(sandbox: Sandbox, variable: str) -> None:
    name, _, value = variable.partition("=")
    shown = status(sandbox, 80, **{name: value})
    assert shown.code == 0, shown.raw
    assert "\x1b" not in shown.raw


def test_without_a_terminal_there_are_plain_lines() -> None:
    file = io.StringIO()
    terminal = Terminal(file)
    with terminal.progress("starting") as show:
        show("half of it")
    terminal.table(("name", "size"), [["a", "1"], [("b" * 300, "green"), "22"]], right={"size"})
    terminal.item(["task"], "long " * 60, 8)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert lines[0] == "half of it"
    assert lines[1].split() == ["name", "size"]
    assert lines[3].split() == ["b" * 300, "22"]
    assert lines[4] == f"  task      {('long ' * 60).strip()}"
    assert len(lines) == 5


def test_a_text_is_not_markup_and_is_broken_within_its_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    file = Tty()
    terminal = Terminal(file)
    terminal.item(["task"], "[red]a text[/red] " + "word " * 10, 8)
    first, *others = file.getvalue().rstrip().splitlines()
    assert "[red]a text[/red]" in first
    assert others
    assert all(line.startswith(" " * 12) for line in others)
    assert all(len(line) <= 40 for line in (first, *others))
    with terminal.progress("[bold]x") as show:
        show("[bold]y [not closed")
    assert "[bold]y [not closed" in file.getvalue()
