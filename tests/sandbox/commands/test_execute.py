"""`sandbox exec`: the program, its exit code, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Sandbox


def test_exec_is_the_program(sandbox: Sandbox) -> None:
    bucket = f"{sandbox.env['GOOGLE_CLOUD_PROJECT']}-titleholder"
    code = (
        "import os, sys\n"
        "from google.cloud import aiplatform, storage\n"
        f"print(storage.Client().bucket('{bucket}').exists(), len(aiplatform.Model.list()) >= 0)\n"
        "print(sorted(name for name in os.environ if 'EMULATOR' in name))\n"
        "sys.exit(7)\n"
    )
    done = sandbox.cli("exec", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout) == (7, "True True\n[]\n"), done.stderr


def test_exec_leaves_signals_and_proxies_to_the_program(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "another.example")
    # `yes` says nothing if it ends by the signal.
    done = sandbox.cli("exec", "sh", "-c", "yes | head -n 1; env")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("y\n")
    assert "http://127.0.0.1:1\n" not in done.stdout
    assert "another.example" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "sandbox: it needs a program, such as `sandbox exec python program.py`"),
        (["no-such-program", "-x"], "sandbox: `no-such-program -x` cannot be started: No such fi"),
    ],
)
def test_exec_refuses_what_is_no_program(
    sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    done = sandbox.cli("exec", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(message)


def test_exec_needs_a_running_sandbox(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--var", str(tmp_path), "exec", "true"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "sandbox: it is not running; run `python -m sandbox up` first\n"
