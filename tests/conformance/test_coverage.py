"""The coverage page lists whether a server supports each method."""

import asyncio
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from sandbox.vertex import coverage
from sandbox.vertex.http.routes import google_routes, other_routes
from tests.conftest import REPOSITORY


def test_the_page_is_up_to_date() -> None:
    assert coverage.main(["--check"]) == 0, "run python -m sandbox.vertex.coverage"


def test_an_outdated_page_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asyncio.run(coverage.supported())

    async def supported() -> frozenset[coverage.Method]:
        return found  # without calling the server again

    monkeypatch.setattr(coverage, "supported", supported)
    page = coverage.PAGE.read_text()
    claimed = tmp_path / coverage.PAGE.name
    monkeypatch.setattr(coverage, "PAGE", claimed)
    assert coverage.main(["--check"]) == 1
    claimed.write_text(page.replace("refused with 501", "supported", 1))
    assert coverage.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert coverage.main([]) == 0
    assert claimed.read_text() == page


def test_every_method_is_listed_once() -> None:
    page = coverage.PAGE.read_text()
    for method in google_routes().methods():
        assert page.count(f"| `{method}` |") == 1
    for method in other_routes().methods():
        assert f"`{method}`" in page
    for line in page.splitlines():
        if line.startswith("| `") and " /" in line:
            assert line.endswith(("| supported |", "| refused with 501 |"))


def test_every_refused_method_of_these_services_has_a_reason() -> None:
    page = coverage.PAGE.read_text()
    rows = page.partition("## Out of scope")[2].splitlines()
    subjects = [row.split("|")[1] for row in rows if row.startswith("| ")]
    reasons = [name for subject in subjects for name in re.findall(r"`([\w*]+)`", subject)]
    for title in ("Endpoint", "Model", "Pipeline", "Prediction", "Job"):
        section = page.partition(f"## {title} service: ")[2].partition("\n## ")[0]
        assert "| supported |" in section
        for method in re.findall(r"\| `(\w+)` .*\| refused with 501 \|", section):
            assert any(fnmatch(method, reason) for reason in reasons), method


def test_the_page_is_linked_from_the_sandbox_page() -> None:
    page = REPOSITORY / "docs" / "explanation" / "sandbox.md"
    assert "(../reference/sandbox-coverage.md)" in page.read_text()
