"""A lazy package imports what is used of it, and everything only where nothing less will do."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from titleholder.gcp.lazy_package import lazy_package

INIT = """
print("everything")
from .one import One
from .two import Two, other as renamed
__all__ = ("One", "Two")
answer = 42
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of a package with two modules; each module and the package print when they run."""
    name = f"lazy_{request.node.name.replace('[', '_').replace(']', '')}"
    folder = tmp_path / "around" / name
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").write_text(INIT)
    (folder / "one.py").write_text('print("one")\nclass One: pass\n')
    (folder / "two.py").write_text('print("two")\nclass Two: pass\ndef other(): pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "around", raising=False)
    return f"around.{name}"


def test_a_name_is_imported_from_its_module(
    package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lazy_package(package)
    assert capsys.readouterr().out == ""
    assert found.Two.__module__ == f"{package}.two"
    assert found.one.One is found.One
    assert capsys.readouterr().out == "two\none\n"
    assert lazy_package(package) is found is sys.modules[package]


@pytest.mark.parametrize("name", ["answer", "renamed", "__all__"])
def test_any_other_name_imports_everything(
    package: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lazy_package(package)
    two = found.Two
    assert getattr(found, name)
    assert capsys.readouterr().out == "two\neverything\none\n"
    assert found.Two is two
    with pytest.raises(AttributeError):
        _ = found.absent


def test_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"json\.absent"):
        lazy_package("json.absent")


USE = """
import sys
from titleholder.gcp.vertex.clients import vertex_api
v1 = vertex_api()
v1.EndpointServiceClient, v1.ModelServiceClient, v1.DeployedModel(id="1")
found = [name for name in sys.modules if name.startswith("google.cloud.aiplatform_v1.services.")]
assert {name.split(".")[4] for name in found} == {"endpoint_service", "model_service"}, found
from google.cloud import aiplatform_v1, aiplatform
assert aiplatform_v1 is v1 and len(v1.__all__) > 1000
assert v1.types.Endpoint is v1.Endpoint and v1.JobServiceClient
"""


def test_the_client_of_vertex_ai_imports_its_own_services_only() -> None:
    subprocess.run(
        [sys.executable, "-W", "error", "-c", USE],
        check=True,
        cwd=REPOSITORY,
        env={"PYTHONPATH": "plugins"},
    )
