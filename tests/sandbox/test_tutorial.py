"""docs/tutorials/sandbox.md: its program runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.code_blocks import code_blocks
from tests.conftest import REPOSITORY, Sandbox

PAGE = REPOSITORY / "docs" / "tutorials" / "sandbox.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return [block.text for block in code_blocks(PAGE) if block.language == "python"]


def test_the_program(sandbox: Sandbox, blocks: list[str], tmp_path: Path) -> None:
    (tmp_path / "quickstart.py").write_text("".join(blocks[:-1]))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox", "--var", sandbox.var, "exec"),
            *(sys.executable, "-W", "ignore", "quickstart.py"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # What it prints, beside the SDK.
    printed = done.stdout
    assert "[0.0]" in printed, "the class of the first iris"
    assert "[10, 90]" in printed
    assert re.search(r"answer\n0 +42\n", printed)
    assert "\n42.0\n" in printed or "\n42\n" in printed
    assert "\n0 3 * * 1 ACTIVE\n" in printed
    assert "prediction.results-00000-of-0000" in printed
    assert '"prediction": 0' in printed
    assert '"prediction": 2' in printed


def test_the_example_of_a_test(blocks: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(blocks[-1])
    assert "1 passed" in pytest_in(tmp_path)


def pytest_in(folder: Path) -> str:
    """The output of pytest for the tests in that folder, which must pass."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
