"""Every relative link and every anchor in a Markdown file leads somewhere, as on GitHub."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PAGES = sorted(
    page
    for pattern in ("*.md", ".github/*.md", "docs/**/*.md", "images/*.md", "tests/**/*.md")
    for page in REPOSITORY.glob(pattern)
)


def prose(page: Path) -> str:
    """The text of a page without code, in which brackets are no links."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", lambda code: code[0].translate({91: None, 93: None}), text)


def links() -> Iterator[tuple[str, str]]:
    """Each relative link: the page from the repository's root, and the target as written."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            if not re.match(r"[a-z]+:", target):
                yield str(page.relative_to(REPOSITORY)), target


@cache
def anchors(page: Path) -> list[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return [
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings
    ]


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_relative_link_leads_somewhere(page: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = (REPOSITORY / page).parent / path if path else REPOSITORY / page
    assert found.exists(), f"{page}: {target}"
    if anchor:
        assert anchor in anchors(found.resolve()), f"{page}: {target}"


def test_the_index_has_every_page() -> None:
    folder = REPOSITORY / "docs"
    linked = {
        (folder / target.partition("#")[0]).resolve()
        for target in (target for page, target in links() if page == "docs/index.md")
    }
    assert linked >= {page for page in folder.rglob("*.md") if page.name != "index.md"}


def test_links_are_found() -> None:
    assert len(list(links())) > 100
    assert ("docs/explanation/verdict.md", "rollout.md#guardrails") in links()
