"""The browser of this machine, for tests in a real browser."""

import os
import shutil

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""The path of Chromium, None where there is none."""
NO_BROWSER = "there is no Chromium"

needs_browser = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason=NO_BROWSER)
"""Skips a test where there is no browser, which the end of the run says; in continuous integration
(`CI` is set) such a test fails."""
