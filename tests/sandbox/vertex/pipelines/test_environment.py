"""packages_to_install: never into the sandbox's own environment."""

import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.pipelines.execution.environment import missing
from sandbox.vertex.pipelines.spec.command import NotLightweight, read
from sandbox.vertex.pipelines.spec.messages import Spec
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import Bench, task

State = types.PipelineState


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that has one package, and no other."""
    name = "titleholder_example-1.2"
    files = {
        "titleholder_example.py": "HELLO = 'hello from 1.2'\n",
        f"{name}.dist-info/METADATA": (
            "Metadata-Version: 2.1\nName: titleholder-example\nVersion: 1.2\n"
            "Requires-Dist: packaging>=20\n"
        ),
        f"{name}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
        for path, content in (files | {f"{name}.dist-info/RECORD": record}).items():
            wheel.writestr(path, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_no_pip_for_what_is_there(bench: Bench) -> None:
    job = bench.run(samples.wants_packages)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED
    assert task(job, "at-hand").execution.metadata["output:Output"] == "at hand"
    assert not (bench.home / "environments").exists()


def test_what_lacks_goes_to_an_environment_of_its_own(bench: Bench, wheels: Path) -> None:
    job = bench.run(samples.wants_a_wheel)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, task(job, "from-a-wheel").error
    said = task(job, "from-a-wheel").execution.metadata["output:Output"]
    assert said == "hello from 1.2 True"
    for wheel in wheels.glob("*.whl"):
        wheel.unlink()
    again = bench.run(samples.wants_a_wheel)  # the same environment, and no pip
    assert again.state == State.PIPELINE_STATE_SUCCEEDED
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution("titleholder-example")


def test_what_cannot_be_had_fails_the_task(bench: Bench, wheels: Path) -> None:
    job = bench.run(samples.wants_nowhere)
    assert job.state == State.PIPELINE_STATE_FAILED
    message = task(job, "from-nowhere").error.message
    assert "packages_to_install titleholder-nowhere==9 could not be installed: " in message
    assert "No matching distribution found" in message


def test_missing() -> None:
    installed = metadata.version("kfp")
    there = [f"kfp=={installed}", "scikit-learn>=1", 'nowhere; python_version < "3"', "requests"]
    lacking = ["kfp<2", "nowhere", "google-cloud-storage @ https://example.org/x.whl", "./a/path"]
    assert missing(there + lacking) == lacking
    assert missing(["coverage[nothing]", "nowhere[x]"])[-1:] == ["nowhere[x]"]


def test_a_compiled_command_is_taken_apart() -> None:
    import json

    spec = Spec(json.loads(samples.compiled(samples.wants_packages)))
    container = spec.executors["exec-at-hand"].container
    component = read(container.command, container.args)
    assert component.function == "at_hand"
    assert "def at_hand() -> str:" in component.source
    assert component.requirements[:2] == ("packaging>=20", "pytest")
    assert component.requirements[2].startswith("kfp==")
    assert component.pip_options == ()


INDEX = "python3 -m pip install --quiet --index-url https://i/ --trusted-host i 'a>=1' -U && \"$0\""
RUN = "python3 -m kfp.dsl.executor_main --component_module_path ephemeral_component.py"
ARGS = ["--executor_input", "{{$}}", "--function_to_execute", "f"]


def test_options_of_pip_are_kept() -> None:
    component = read(["sh", "-c", INDEX, "sh", "-ec", RUN, "def f(): ..."], ARGS)
    assert component.requirements == ("a>=1",)
    assert component.pip_options == ("--index-url", "https://i/", "--trusted-host", "i")


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (["echo"], ["hello"]),
        (["sh", "-ec", "curl x", "def f(): ..."], ARGS),
        (["sh", "-c", "rm x", "sh", "-ec", RUN, "def f(): ..."], ARGS),
        (["sh", "-ec", RUN, "def f(): ..."], ["--other"]),
        ([], []),
    ],
)
def test_other_commands_are_not_lightweight(command: list[str], args: list[str]) -> None:
    with pytest.raises(NotLightweight):
        read(command, args)
