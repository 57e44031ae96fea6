"""The Dockerfile by a linter, and what it promises."""

import re
import subprocess
import sys
from pathlib import Path

from tests.images.dockerfile import DOCKERFILE, commands, environment, the

HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [HADOLINT, "--no-color", "--failure-threshold", "style", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_linter_has_no_complaint() -> None:
    done = lint(DOCKERFILE)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_the_linter_would_complain(tmp_path: Path) -> None:
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text().replace("--no-cache-dir ", ""))
    done = lint(worse)
    assert done.returncode != 0
    assert "DL3042" in done.stdout


def test_the_base_image_is_named_by_its_digest() -> None:
    assert re.fullmatch(r"python@sha256:[0-9a-f]{64}", the("FROM"))


def test_it_does_not_run_as_root() -> None:
    user = int(the("USER"))
    assert user >= 10000
    [created] = [command for command in commands() if command.startswith("useradd ")]
    assert f"--uid {user} " in created


def test_packages_are_installed_by_their_hashes_only() -> None:
    [install] = [command for command in commands() if command.startswith("pip ")]
    for option in ("--require-hashes", "--no-deps", "--only-binary=:all:"):
        assert option in install


def test_the_server_is_started_as_a_module_of_the_source() -> None:
    assert the("CMD") == '["python", "-m", "model_server"]'
    folder = environment()["PYTHONPATH"]
    assert the("EXPOSE") == "8080"
    assert f"python -m compileall -q {folder}/model_server" in commands()
