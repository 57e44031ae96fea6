"""The environments of images."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from sandbox.containers.catalog import Image
from sandbox.containers.environments import EnvironmentFailed, interpreter


def test_an_environment_is_made_once(tmp_path: Path) -> None:
    image = Image("an/image", "six==1.17.0\n", "3.11")
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(interpreter(image, tmp_path)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (python,) = set(found)
    code = "import six, sys; print(six.__version__); import numpy"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1.17.0\n"
    assert "No module named 'numpy'" in done.stderr, "it has the sandbox's packages"
    before = os.stat(python.parents[1] / "ready").st_mtime_ns
    assert interpreter(image, tmp_path) == python
    assert os.stat(python.parents[1] / "ready").st_mtime_ns == before


def test_another_lock_has_another_environment(tmp_path: Path) -> None:
    one, other = (
        interpreter(Image("i", f"six=={v}\n", "3.11"), tmp_path) for v in ("1.17.0", "1.16.0")
    )
    assert one != other


def test_a_python_that_is_not_here_is_replaced_by_the_sandboxs(tmp_path: Path) -> None:
    python = interpreter(Image("an/image", "", "3.99"), tmp_path)
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0
    # Not for an image of a file with this version, also if the other one has the same packages.
    image = Image("an/image", "", "3.99", needs_python=True)
    with pytest.raises(EnvironmentFailed, match=r"an/image needs Python 3\.99, which is not on"):
        interpreter(image, tmp_path)


@pytest.mark.parametrize(
    "requirements",
    ["titleholder-nowhere==9\n", "six==1.17.0 --hash=sha256:" + "0" * 64 + "\n"],
)
def test_packages_that_cannot_be_installed(tmp_path: Path, requirements: str) -> None:
    image = Image("an/image", requirements, "3.11")
    for _ in range(2):
        with pytest.raises(EnvironmentFailed, match="environment of the image an/image") as error:
            interpreter(image, tmp_path)
        assert "\n" not in str(error.value)
