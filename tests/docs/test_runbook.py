"""docs/how-to/operations.md lists every alert, and every message with which a run or a command
refuses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from titleholder.alerts.alert import AlertKind

PACKAGE = REPOSITORY / "plugins" / "titleholder"
RUNBOOK = REPOSITORY / "docs" / "how-to" / "operations.md"
ERRORS = {
    "InvalidRequest",
    "ManualActionRequired",
    "DriftDetected",
    "EnvironmentConfigError",
    "PipelineError",
}


def template(node: ast.expr) -> str:
    """The text of a message, with … for what is only known at run time."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return template(left) + template(right)
    return "…"


def messages() -> Iterator[tuple[str, str]]:
    """The place of each error, and its message up to the remedy."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[message, *_]) if name in ERRORS:
                    text = re.sub("…+", "…", template(message)).partition("; ")[0]
                    # The text of a message that another function makes is not known here.
                    if re.search(r"\w", text.replace("…", "")):
                        yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text


MESSAGES = dict(messages())


def test_the_messages_are_found() -> None:
    assert len(MESSAGES) > 40
    assert "… was changed by hand: …" in MESSAGES.values()


@pytest.mark.parametrize("place", MESSAGES)
def test_the_runbook_lists_the_message(place: str) -> None:
    page = re.sub(r"```.*?```", "", RUNBOOK.read_text(), flags=re.DOTALL)
    message = MESSAGES[place].split(", for example")[0].strip()
    assert message in re.findall(r"`([^`]+)`", page), f"{place}: not in the runbook: {message}"


@pytest.mark.parametrize("page", [RUNBOOK, RUNBOOK.with_name("alerts.md")])
def test_a_table_has_every_alert(page: Path) -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    assert {kind.value for kind in AlertKind} <= listed
