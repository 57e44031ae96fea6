"""The browser of this machine, for tests in a real browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""The path of Chromium, None where there is none."""
NO_BROWSER = "there is no Chromium"

needs_browser = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason=NO_BROWSER)
"""Skips a test where there is no browser, which the end of the run says; in continuous integration
(`CI` is set) such a test fails."""

# Chromium's words about Airflow's frame, and about an answer that a test asks for.
KNOWN = (
    "An iframe which has both allow-scripts and allow-same-origin",
    "Failed to load resource: the server responded with a status of 403",
)
# No test depends on the speed of a machine that may be busy.
PATIENCE_MS = 300_000
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def browser() -> Iterator[Callable[[Any, int], Page]]:
    """Makes empty pages of a colour scheme and a width in one browser; fails at the end for errors
    and warnings of any of them. No event loop may run in the thread meanwhile."""
    wrong: list[str] = []

    def note(message: Any) -> None:
        text, kind = getattr(message, "text", str(message)), getattr(message, "type", "error")
        if kind in ("error", "warning") and not text.startswith(KNOWN):
            wrong.append(text)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def opened(scheme: Any, width: int) -> Page:
            page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            page.on("console", note)
            page.on("pageerror", note)
            return page

        yield opened
        chromium.close()
    assert wrong == []


# JavaScript: the dates that are broken over two lines.
BROKEN_DATES = r"""() => {
  const broken = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    for (const found of texts.currentNode.data.matchAll(/\d{4}-\d\d-\d\d( \d\d:\d\d)?/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, found.index);
      range.setEnd(texts.currentNode, found.index + found[0].length);
      if (new Set([...range.getClientRects()].map(one => one.top)).size > 1) broken.push(found[0]);
    }
  return broken;
}"""
# JavaScript: the elements that reach beyond the window or hide a part of their own content, but
# for those in a part that scrolls.
CLIPPED = """() => [...document.body.querySelectorAll("*")]
  .filter(one => !one.closest(".scroll, svg, .filter input") && one.getClientRects().length)
  .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5
    || (getComputedStyle(one).overflowX === "hidden" && one.scrollWidth > one.clientWidth))
  .map(one => one.outerHTML.slice(0, 120))"""
