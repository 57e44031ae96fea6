"""One meaning a word: what is machine-readable is in the reference, and private words are gone."""

import re
from collections.abc import Iterator

import pytest
import typer

from tests.conftest import REPOSITORY
from titleholder.analysis.issues import EvidenceIssue, GuardrailIssue
from titleholder.analysis.verdict import Outcome
from titleholder.cli.app import app
from titleholder.cli.arguments import INTENT_HELP
from titleholder.config.json_schema import keys
from titleholder.events.event import Action
from titleholder.labels import ROLES, Label
from titleholder.metrics.metric import Metric, Refusal
from titleholder.rollout.intents import INTENTS

DOCS = REPOSITORY / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference").glob("*.md"))
)
# Words of an earlier vocabulary, which have no meaning here.
PRIVATE = re.compile(
    r"(?<![a-z])(whom|throne|wish(es|ed)?|told|handed|somebody|nobody|seat(s|ed|ing)?|crown(s|ed)?)(?![a-z])",
    re.IGNORECASE,
)


def terms() -> list[str]:
    found = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY, re.MULTILINE)
    return [term for cell in found for term in cell.split(", ")]


def words() -> Iterator[tuple[str, str]]:
    yield from (("action", one.value) for one in Action)
    yield from (("label", one.value) for one in Label)
    yield from (("evidence issue", one.word) for one in EvidenceIssue)
    yield from (("guardrail issue", one.value) for one in GuardrailIssue)
    yield from (("outcome", one.value) for one in Outcome)
    yield from (("key", key[0]) for key in keys())
    yield from (("metric", one.value) for one in Metric)
    yield from (("refusal", one.value) for one in Refusal)


@pytest.mark.parametrize(("kind", "word"), list(words()))
def test_every_stored_word_is_in_the_reference(kind: str, word: str) -> None:
    assert f"`{word}`" in REFERENCE, f"the {kind} {word} is in no page of docs/reference"


def test_every_verb_is_in_the_reference() -> None:
    assert list(INTENT_HELP) == [name.replace("_", "-") for name in INTENTS]
    for verb in typer.main.get_command(app).commands:
        assert f"### titleholder {verb}\n" in REFERENCE


def test_a_term_is_explained_once_and_roles_are_terms() -> None:
    assert len(terms()) == len(set(terms())) >= 40
    for role in ROLES:
        assert role.replace("-", " ") in terms()


def test_explanations_are_one_sentence() -> None:
    for line in re.findall(r"^\| \*\*.+?\*\* \| (.+) \|$", GLOSSARY, re.MULTILINE):
        assert line.endswith("."), line
        assert not re.search(r"[.] [A-Z]", line), line


@pytest.mark.parametrize(
    "folder", ["plugins", "sandbox", "pipeline", "deploy", "images", "dags", "docs"]
)
def test_no_private_words(folder: str) -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.suffix in (".py", ".html", ".md", ".yaml", ".css")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert not found, "\n".join(found)
