"""The documentation site: complete, without broken links or foreign requests, and searchable."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Page, Request, sync_playwright

from docs.site import build_site
from docs.site_links import site_path
from tests.browser import CHROMIUM, PATIENCE_MS, needs_browser
from tests.conftest import REPOSITORY
from tests.docs.site import Reader, broken_links, read_site

GITHUB = MarkdownIt("commonmark").enable("table")
PAGES = [
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *(REPOSITORY / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    REPOSITORY / "tests/bench/RESULTS.md",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it, below a prefix."""
    folder = tmp_path_factory.mktemp("www") / "some" / "prefix"
    assert build_site(folder) == []
    return folder


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[Path, Reader]:
    return read_site(folder)


def test_every_link_and_anchor_leads_somewhere(pages: dict[Path, Reader]) -> None:
    # The page of a server's 404 does not know its own address.
    known = {path: page for path, page in pages.items() if path.name != "404.html"}
    assert len(known) > 30
    assert list(broken_links(known)) == []


def test_pages_load_nothing_from_another_server(pages: dict[Path, Reader]) -> None:
    loaded = {
        link
        for page in pages.values()
        for tag, link in page.links
        if tag != "a" and link.startswith(("http:", "https:", "//"))
    }
    assert loaded == set()


@pytest.mark.parametrize("source", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_page_has_the_structure_that_github_shows(
    source: Path, folder: Path, pages: dict[Path, Reader]
) -> None:
    """Python-Markdown reads lists and code in them otherwise than GitHub: indent what belongs to an
    item by four spaces, and leave a line blank around it."""
    shown = pages[(folder / site_path(source)).with_suffix(".html")]
    html = GITHUB.render(source.read_text(encoding="utf-8"))
    assert shown.structure == Reader(f"<article>{html}</article>").structure


def test_a_broken_link_is_a_warning(tmp_path: Path) -> None:
    broken = ("missing.md", "../images/missing.py", "glossary.md#none", "../CHANGELOG.md#none")
    checkout = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "docs", checkout / "docs")
    for path in REPOSITORY.iterdir():
        if path.name not in ("docs", "mkdocs.yml"):
            (checkout / path.name).symlink_to(path)
    shutil.copy(REPOSITORY / "mkdocs.yml", checkout)
    index = checkout / "docs/index.md"
    with index.open("a", encoding="utf-8") as file:
        file.writelines(f"\n[x]({link})\n" for link in broken)
    warnings = build_site(tmp_path / "site", checkout / "mkdocs.yml")
    assert len(warnings) == len(broken)
    for name in ("missing.md", "missing.py", "glossary.md#none", "CHANGELOG.md#none"):
        assert [one for one in warnings if name in one], name


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """The site's URL, on a server of static files."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = partial(Handler, directory=str(folder.parents[1]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/some/prefix/"
        server.shutdown()
        thread.join()


@needs_browser
def test_in_a_browser(address: str) -> None:
    foreign: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((address, "data:")):
            foreign.append(request.url)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
            page.set_default_timeout(PATIENCE_MS)
            page.on("request", note)
            search_finds_a_verb(page, address)
            follows_the_system(page, "slate")
            page.emulate_media(color_scheme="light")
            follows_the_system(page, "default")
            page.set_viewport_size({"width": 390, "height": 844})
            for name in ("index", "how-to/composer", "reference/model-file", "glossary"):
                page.goto(f"{address}{name}.html")
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width == 390, f"{name} scrolls sideways"
        finally:
            chromium.close()
    assert foreign == []


def search_finds_a_verb(page: Page, address: str) -> None:
    page.goto(address)
    query = page.locator(".md-search__input")
    query.fill("titleholder undo-promotion")
    query.press("End")  # the page reads the text when a key is released
    first = page.locator(".md-search-result__item a").first
    first.wait_for()
    assert "reference/commands.html" in (first.get_attribute("href") or "")


def follows_the_system(page: Page, scheme: str) -> None:
    page.wait_for_function(f"document.body.getAttribute('data-md-color-scheme') == '{scheme}'")
