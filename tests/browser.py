"""The browser of this machine, for tests in a real browser."""

import shutil

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""The path of Chromium, None where there is none."""
