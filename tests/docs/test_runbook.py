"""docs/operations.md knows every sentence with which a run or a command refuses."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "plugins" / "titleholder"
TOLD_AS = {
    "InvalidRequest",
    "ManualActionRequired",
    "DriftDetected",
    "EnvironmentConfigError",
    "PipelineError",
}


def words(node: ast.expr) -> str:
    """The text of a message, with … for what is only known at run time."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(words(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return words(left) + words(right)
    return "…"


def sentences() -> Iterator[tuple[str, str]]:
    """Where it is raised, and what is said before the remedy, of each."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[message, *_]) if name in TOLD_AS:
                    said = re.sub("…+", "…", words(message)).partition("; ")[0]
                    # Of one that another function words nothing is known here.
                    if re.search(r"\w", said.replace("…", "")):
                        yield f"{path.relative_to(PACKAGE)}:{node.lineno}", said


SENTENCES = dict(sentences())


def test_they_are_found() -> None:
    assert len(SENTENCES) > 40
    assert "… was changed by hand: …" in SENTENCES.values()


@pytest.mark.parametrize("where", SENTENCES)
def test_the_runbook_knows_what_to_do(where: str) -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    known = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    said = SENTENCES[where].split(", for example")[0].strip()
    assert said in known, f"{where}: docs/operations.md says nothing of: {said}"
