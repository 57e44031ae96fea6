"""A hook of MkDocs: the files outside docs/ that its pages link to are part of the site.

On GitHub such a link, `../../images/Dockerfile`, leads to the repository. On the site it leads to a
copy below `repository/`: Markdown files are pages, all others are text.
"""

import os.path
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# Pages of the navigation, whether or not another page links to them.
PROJECT_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "tests/bench/RESULTS.md")
# The path of a Markdown link, without its anchor; no URL, and no anchor of the same page.
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)[^)\s#]+")


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Add the files outside docs/ that a page links to, also those that these link to."""
    waiting = [source(file) for file in files.documentation_pages()]
    waiting += [ROOT / name for name in PROJECT_PAGES]
    seen: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        if not file.is_relative_to(DOCS):
            files.append(
                File.generated(
                    config,
                    site_path(file),
                    abs_src_path=str(file),
                    inclusion=InclusionLevel.NOT_IN_NAV,
                )
            )
        if file.suffix == ".md":
            waiting += linked(file)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace the links to files of the repository by those to their places on the site; a search
    lists what is outside docs/ last."""
    file, folder = source(page.file), posixpath.dirname(page.file.src_uri)
    if not file.is_relative_to(DOCS):
        page.meta["search"] = {"boost": 0.2}

    def on_site(link: re.Match[str]) -> str:
        target = _joined(file, link[0])
        # MkDocs reports a link to nothing.
        return posixpath.relpath(site_path(target), folder) if target.is_file() else link[0]

    return LINK.sub(on_site, markdown)


def linked(page: Path) -> list[Path]:
    """The files of the repository that a Markdown file links to."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    targets = {_joined(page, link) for link in links}
    return sorted(one for one in targets if one.is_file())


def site_path(file: Path) -> str:
    """The path of a file of the repository among the site's sources."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    path = f"repository/{file.relative_to(ROOT).as_posix()}"
    return path if file.suffix == ".md" else f"{path}.txt"


def _joined(page: Path, link: str) -> Path:
    return Path(os.path.normpath(page.parent / link))


def source(file: File) -> Path:
    """The file of the repository that a file of the site is made from."""
    if file.abs_src_path is None:
        raise ValueError(f"{file.src_uri} is made from no file of the repository")
    return Path(file.abs_src_path)
