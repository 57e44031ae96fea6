"""The built documentation site: elements, links and anchors of each page."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

STRUCTURE = ("h1", "h2", "h3", "img", "li", "ol", "p", "pre", "table", "tr", "ul")


@dataclass
class Reader(HTMLParser):
    """The anchors and links of a page, and how often its article has the elements in STRUCTURE."""

    html: str
    ids: set[str] = field(default_factory=set)
    links: list[tuple[str, str]] = field(default_factory=list)
    structure: Counter[str] = field(default_factory=Counter)
    _in_article: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids |= {values["id"] or ""} if "id" in values else set()
        for name in ("href", "src"):
            if target := values.get(name):
                self.links.append((tag, target))
        self._in_article = self._in_article or tag == "article"
        if self._in_article and tag in STRUCTURE:
            self.structure[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._in_article = False


def read_site(folder: Path) -> dict[Path, Reader]:
    """Every page of the site, by its path."""
    return {
        path: Reader(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))
    }


def broken_links(pages: dict[Path, Reader]) -> Iterator[str]:
    """Links and resources that lead to no file of the site, or to no anchor of its page."""
    for path, page in pages.items():
        for _, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            if not target.exists():
                yield f"{path.name}: {link}"
            elif anchor and target in pages and anchor not in pages[target].ids:
                yield f"{path.name}: {link}: no such anchor"
