"""packages_to_install never change the sandbox's environment."""

import os
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.pipelines.execution.environment import missing
from sandbox.vertex.pipelines.spec.command import NotLightweight, read
from sandbox.vertex.pipelines.spec.messages import Spec
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import Bench, Server, output, task

State = types.PipelineState
SITE = Path(sysconfig.get_path("purelib"))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with exactly one package."""
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
    index = tmp_path / "titleholder-example" / "index.html"
    index.parent.mkdir()
    index.write_text(f'<a href="../{name}-py3-none-any.whl">{name}-py3-none-any.whl</a>')
    # No other index: neither that of this machine's configuration nor one on the network.
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    return tmp_path


def test_installed_packages_need_no_pip(bench: Bench) -> None:
    job = bench.run(samples.needs_installed_packages)
    assert job.state == State.PIPELINE_STATE_SUCCEEDED
    assert task(job, "installed-packages").execution.metadata["output:Output"] == "installed"
    assert not (bench.home / "environments").exists()


def test_a_missing_package_is_installed_into_a_separate_environment(
    server: Server, bench: Bench, wheels: Path
) -> None:
    # The compiler writes the URL twice: as index and as trusted host.
    request = bench.request(samples.needs_a_wheel(wheels.as_uri()))
    assert output(server.run(request), "from-a-wheel") == "hello from 1.2 True"
    for wheel in wheels.glob("*.whl"):
        wheel.unlink()
    request.pipeline_job_id = "again"
    server.run(request)  # the existing environment, without pip
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution("titleholder-example")


def test_an_unavailable_package_fails_the_task(bench: Bench, wheels: Path) -> None:
    job = bench.run(samples.needs_a_missing_package)
    assert job.state == State.PIPELINE_STATE_FAILED
    message = task(job, "missing-package").error.message
    assert "packages_to_install titleholder-nowhere==9 could not be installed: " in message
    assert "No matching distribution found" in message


def test_missing() -> None:
    installed = metadata.version("kfp")
    satisfied = [
        f"kfp=={installed}",
        "scikit-learn>=1",
        'nowhere; python_version < "3"',
        "requests",
    ]
    unsatisfied = [
        "kfp<2",
        "nowhere",
        "google-cloud-storage @ https://example.org/x.whl",
        "./a/path",
    ]
    assert missing(satisfied + unsatisfied, SITE) == unsatisfied
    assert missing(["coverage[nothing]", "nowhere[x]"], SITE)[-1:] == ["nowhere[x]"]


def test_a_compiled_command_is_parsed() -> None:
    import json

    spec = Spec(json.loads(samples.compiled(samples.needs_installed_packages)))
    container = spec.executors["exec-installed-packages"].container
    component = read(container.command, container.args)
    assert component.function == "installed_packages"
    assert "def installed_packages() -> str:" in component.source
    assert component.requirements[:2] == ("packaging>=20", "pytest")
    assert component.requirements[2].startswith("kfp==")
    assert component.pip_options == ()


INDEX = "python3 -m pip install --quiet --index-url https://i/ --trusted-host i 'a>=1' -U && \"$0\""
RUN = "python3 -m kfp.dsl.executor_main --component_module_path ephemeral_component.py"
ARGS = ["--executor_input", "{{$}}", "--function_to_execute", "f"]


def test_options_of_pip_are_parsed() -> None:
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
