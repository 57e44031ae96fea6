"""The end of a test run: what to run to see a failed test alone."""

import subprocess
from pathlib import Path

import pytest

from tests.browser import NO_BROWSER
from tests.summary import lines, repeated

NODEID = 'tests/test_x.py::test_y[it\'s $HOME `id` "a" \\n; é]'


def report(outcome: str, longrepr: object = None, **keywords: int) -> pytest.TestReport:
    return pytest.TestReport(
        NODEID,
        ("tests/test_x.py", 1, "test_y"),
        keywords,
        outcome,  # type: ignore[arg-type]
        longrepr,  # type: ignore[arg-type]
        "call",
    )


@pytest.mark.parametrize("long", [False, True])
def test_the_printed_command_gives_pytest_the_test(tmp_path: Path, long: bool) -> None:
    (tmp_path / "Makefile").write_text('test:\n\t@printf "%s\\n" $(ARGS)\n')
    given = subprocess.run(
        ["/bin/sh", "-c", repeated(NODEID, long)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert given.stdout.splitlines() == ["-n", "0", *(["-m", "long"] if long else []), NODEID]


def test_a_failed_test_is_named_once() -> None:
    stats = {"failed": [report("failed")], "error": [report("failed")], "passed": [report("x")]}
    assert list(lines(stats)) == ["to see one alone:", f"  {repeated(NODEID)}"]


def test_a_missing_browser_is_said() -> None:
    skipped = report("skipped", ("tests/test_x.py", 1, f"Skipped: {NO_BROWSER}"))
    other = report("skipped", ("tests/test_x.py", 1, "Skipped: not on macOS"))
    assert list(lines({"skipped": [skipped, skipped, other]})) == [
        "2 tests in a browser were not run: there is no Chromium; apt install chromium"
    ]
    assert list(lines({"passed": [report("passed")]})) == []
