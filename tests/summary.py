"""What the end of a test run says: how to repeat a failed test alone, and what was not run."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.browser import NO_BROWSER


def lines(stats: dict[str, list[pytest.TestReport]]) -> Iterator[str]:
    """The lines for these reports, which are pytest's own by outcome; also those of workers."""
    yield from _recorded([one for reports in stats.values() for one in reports])
    missing = [one for one in stats.get("skipped", []) if NO_BROWSER in str(one.longrepr)]
    if missing:
        yield f"{len(missing)} tests in a browser were not run: {NO_BROWSER}; apt install chromium"
    failed = {one.nodeid: one for kind in ("failed", "error") for one in stats.get(kind, [])}
    if failed:
        yield "to see one alone:"
    for nodeid, report in failed.items():
        yield f"  {repeated(nodeid, 'long' in getattr(report, 'keywords', ()))}"


def repeated(nodeid: str, long: bool = False) -> str:
    """The shell command that runs that test alone."""
    arguments = f"-n 0 {'-m long ' if long else ''}{shlex.quote(nodeid)}".replace("$", "$$")
    return 'make test ARGS="' + re.sub(r'(["\\$`])', r"\\\1", arguments) + '"'


def _recorded(reports: list[pytest.TestReport]) -> Iterator[str]:
    """The counts of the fault matrix, which its tests record as `crashes`, and the outcomes of the
    simulated challengers, recorded as `challenger`."""
    counts: Counter[str] = Counter()
    outcomes = []
    for report in reports:
        if getattr(report, "when", "") == "call":
            for name, value in report.user_properties:
                counts += Counter(value if name == "crashes" else {})
                outcomes += [value] if name == "challenger" else []
    if counts:
        yield f"crash matrix: {', '.join(f'{number} {what}' for what, number in counts.items())}"
    if outcomes:
        yield f"simulated challengers: {'; '.join(outcomes)}"
