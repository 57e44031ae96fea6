"""The pages of docs/reference that `make docs` writes are those of the code."""

import pytest

from docs.generate import FOLDER, NOTE, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_generates(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], (
        "run `make docs` and commit what it writes"
    )


def test_every_page_with_the_note_is_generated() -> None:
    noted = {path.name for path in FOLDER.glob("*.md") if path.read_text().startswith(NOTE)}
    assert noted == PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_no_description_is_missing(name: str) -> None:
    for line in PAGES[name].splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.replace("\\|", "").strip("|").split("|")]
            assert any(len(cell.replace("`", "")) > 1 for cell in cells[1:]), line
