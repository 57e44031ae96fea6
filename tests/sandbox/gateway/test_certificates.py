"""The authority of a folder is one, for all processes that use it."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

CODE = """
import sys
from pathlib import Path
from sandbox.gateway.certificates import Authority
print("ready", flush=True)
sys.stdin.readline()
authority = Authority(Path(sys.argv[1]))
authority.context("aiplatform.googleapis.com")  # fails with the key of another
print(authority._authority.cert_pem.bytes().decode())
"""


def test_processes_that_start_together_have_one_authority(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_path / "gateway")],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=60)[0].strip() for process in started}
    assert answers == {(tmp_path / "gateway" / "authority.pem").read_text().strip()}
