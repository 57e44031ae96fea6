"""docs/how-to/operations.md lists every alert, and every message with which a run or a command
refuses."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.titleholder.config.model_files import INVALID, LINNERUD, changed
from titleholder.alerts.alert import AlertKind
from titleholder.config.loader import load_models

PACKAGE = REPOSITORY / "plugins" / "titleholder"
RUNBOOK = REPOSITORY / "docs" / "how-to" / "operations.md"
ERRORS = {
    "InvalidRequest",
    "ManualActionRequired",
    "DriftDetected",
    "EnvironmentConfigError",
    "PipelineError",
    "ConfigError",
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


def rows() -> dict[str, re.Pattern[str]]:
    """The messages about a model's file, each with a pattern of the errors that it stands for."""
    section = RUNBOOK.read_text().partition("### About a model's file\n")[2].partition("\n#")[0]
    listed = re.findall(r"`([^`]+)`", "".join(re.findall(r"(?m)^\| (`.+`) \|", section)))
    return {one: re.compile(re.escape(one).replace("…", ".*")) for one in listed}


def errors_of(folder: Path, files: Mapping[str, object]) -> list[str]:
    """The errors of a folder of models, without their file and line."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    lines = [line for error in load_models(folder).errors for line in str(error).splitlines()]
    return [re.sub(r"^[\w./]+:(\d+:)? ", "", line) for line in lines]


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, value, _ in INVALID])
def test_the_runbook_lists_the_errors_of_a_key(tmp_path: Path, key: str, value: object) -> None:
    (error,) = errors_of(tmp_path, {"linnerud.yaml": changed(key, value)})
    assert any(pattern.match(error) for pattern in rows().values()), error


MODEL = LINNERUD.read_text()


@pytest.mark.parametrize(
    ("files", "row"),
    [
        (
            {"team/other.yaml": MODEL},
            "…: is not read, as a model's file is NAME.yaml in the folder of all models",
        ),
        ({"linnerud.yaml": "a: [\n"}, "…: not readable as YAML (…)"),
        ({"linnerud.yaml": "[]\n"}, "…: has no keys"),
        (
            {"linnerud.yaml": f"{MODEL}\nowner: me"},
            "…: is written twice, in line … and in line …",
        ),
        (
            {"linnerud.yaml": MODEL, "other.yaml": MODEL.replace("model: linn", "model: other #")},
            "endpoint.display_name: … is the endpoint of ….yaml",
        ),
        (
            {"linnerud.yaml": MODEL.replace("model: linnerud", "model: other")},
            "model: is …; name it … as its file, or rename the file",
        ),
        (
            {"linnerud.yaml": f"{MODEL}\nextends: x"},
            "extends: is …, which is no other file beside it",
        ),
        (
            {
                "linnerud.yaml": changed("extends", "other"),
                "other.yaml": changed("extends", "linnerud"),
            },
            "extends: is …, which itself extends another",
        ),
    ],
)
def test_the_runbook_lists_the_errors_of_a_file(
    tmp_path: Path, files: Mapping[str, object], row: str
) -> None:
    pattern = rows()[row]
    errors = errors_of(tmp_path, files)
    assert errors
    # The first row's errors begin with the file's name.
    assert all(pattern.match(error) or pattern.match(f"file: {error}") for error in errors), errors


@pytest.mark.parametrize("page", [RUNBOOK, RUNBOOK.with_name("alerts.md")])
def test_a_table_has_every_alert(page: Path) -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    assert {kind.value for kind in AlertKind} <= listed
