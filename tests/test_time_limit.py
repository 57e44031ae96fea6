import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

ENDLESS = """
from hypothesis import given, strategies as st

@given(st.integers())
def test_endless(number):
    while True:
        pass

def test_short():
    pass
"""


def test_a_test_ends_at_its_limit_though_hypothesis_runs_it(tmp_path: Path) -> None:
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    ini = tmp_path / "pytest.ini"
    ini.write_text("[pytest]\ntimeout = 1\n")
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:bqemulator", "-p", "tests.time_limit"),
            *("-c", str(ini), "-q", str(tmp_path)),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "1 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    assert "test_endless ran longer than 1 s" in result.stdout
