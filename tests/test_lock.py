"""The lock has every direct dependency, and its packages are installed by their hashes."""

import hashlib
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pip
import pytest
from packaging.requirements import Requirement

from tests.audit import requirements
from tests.conftest import REPOSITORY


def _requirements(name: str) -> list[Requirement]:
    return [Requirement(line) for line in requirements((REPOSITORY / name).read_text())]


def test_every_direct_dependency_is_pinned_within_its_specifier() -> None:
    pins = {pin.name: pin for pin in _requirements("requirements.txt")}
    for required in _requirements("requirements.in"):
        (pin,) = pins[required.name].specifier
        assert pin.operator == "=="
        assert required.specifier.contains(pin.version)


def test_the_lock_is_installed() -> None:
    for pin in _requirements("requirements.txt"):
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(pin.name)), pin


CALLED = """#!python
import pathlib, sys
with pathlib.Path("called").open("a") as file:
    print(*sys.argv[1:], file=file)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project: the Makefile, pyproject.toml, a lock whose uv only records its arguments, an index
    with that uv and a newer one, and a .venv with nothing but pip."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    # ensurepip takes seconds.
    venv.create(tmp_path / ".venv", symlinks=True)
    (site,) = (tmp_path / ".venv/lib").glob("python3.*/site-packages")
    (site / "pip").symlink_to(Path(pip.__file__).parent)
    (tmp_path / "index").mkdir()
    for number in ("1", "2"):
        name = f"uv-{number}"
        files = {
            f"{name}.data/scripts/uv": CALLED,
            f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: uv\nVersion: {number}\n",
            f"{name}.dist-info/WHEEL": (
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
        }
        record = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
        with zipfile.ZipFile(tmp_path / f"index/{name}-py3-none-any.whl", "w") as wheel:
            for path, content in (files | {f"{name}.dist-info/RECORD": record}).items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o100755 << 16  # a file that may be run
                wheel.writestr(entry, content)
    digest = hashlib.sha256((tmp_path / "index/uv-1-py3-none-any.whl").read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(
        f"# A lock.\nother==1 \\\n    --hash=sha256:{'0' * 64}\n    # via uv\n"
        f"uv==1 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{digest}\n"
        f"    # via -r requirements.in\nuvloop==1 \\\n    --hash=sha256:{'0' * 64}\n"
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    for name in ("MAKEFLAGS", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def make(checkout: Path, verb: str) -> subprocess.CompletedProcess[str]:
    command = ["make", f"PYTHON={sys.executable}", verb]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_setup_and_lock_install_the_uv_of_the_lock_by_its_hash(checkout: Path) -> None:
    assert (done := make(checkout, "setup")).returncode == 0, done.stderr
    locked, project = (checkout / "called").read_text().splitlines()
    assert locked.startswith(
        "pip sync --quiet --require-hashes --build-constraints requirements.txt "
    )
    assert locked.endswith(" requirements.txt")
    assert " --offline --no-deps --no-build-isolation " in project
    assert project.startswith("pip install ")
    assert project.endswith(" --editable .")

    newer = [str(checkout / ".venv/bin/python"), "-m", "pip", "install", "--quiet", "uv==2"]
    subprocess.run(newer, check=True)
    assert (done := make(checkout, "lock")).returncode == 0, done.stderr
    assert " --generate-hashes " in (checkout / "called").read_text().splitlines()[-1]
    assert [path.name for path in checkout.rglob("uv-*.dist-info")] == ["uv-1.dist-info"]


def test_the_build_backend_of_source_packages_is_in_the_lock() -> None:
    # kfp-server-api is a source package without a build backend of its own: setuptools builds it.
    assert "setuptools" in {pin.name for pin in _requirements("requirements.txt")}


def test_a_uv_of_another_hash_is_not_installed(checkout: Path) -> None:
    with (checkout / "index/uv-1-py3-none-any.whl").open("ab") as wheel:
        wheel.write(b"another")
    for verb in ("setup", "lock"):
        done = make(checkout, verb)
        assert done.returncode != 0
        assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (checkout / "called").exists()
