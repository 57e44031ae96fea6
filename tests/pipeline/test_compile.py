import ast
import builtins
import dis
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from importlib.metadata import requires
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import yaml
from kfp import compiler
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline import compile as compiling
from pipeline.component import BASE_IMAGE, TARGET, pin
from pipeline.components.export_model import SERVING_IMAGE, require_same_minor
from sandbox.vertex.pipelines.execution import environment
from sandbox.vertex.pipelines.spec import command

ROOT = Path(compiling.__file__).parents[1]
LOCK = (ROOT / "requirements.txt").read_text().splitlines()
SPEC: dict[str, Any] = yaml.safe_load((compiling.COMPILED / "linnerud.yaml").read_text())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["compile", *arguments])
    return compiling.main()


def test_the_committed_pipelines_are_up_to_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--check") == 0, capsys.readouterr().err


def test_a_stale_pipeline_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(compiling, "COMPILED", tmp_path)
    assert run(monkeypatch, "--check") == 1
    shutil.copytree(ROOT / "pipeline/compiled", tmp_path, dirs_exist_ok=True)
    assert run(monkeypatch, "--check") == 0
    with (tmp_path / "linnerud.yaml").open("a") as file:
        file.write("# edited\n")
    capsys.readouterr()
    assert run(monkeypatch, "--check") == 1
    assert capsys.readouterr().err == (
        "pipeline/compiled/linnerud.yaml differs from its source: run "
        "`make compile` and commit it.\n"
    )


def test_tasks_and_outputs_are_those_of_the_contract() -> None:
    tasks = SPEC["root"]["dag"]["tasks"]
    assert set(tasks) == {"create-dataset", "train", "evaluate", "condition-1"}
    assert tasks["condition-1"]["taskInfo"]["name"] == "quality-gate"
    assert set(SPEC["components"]["comp-condition-1"]["dag"]["tasks"]) == {"export-model"}
    outputs = {
        name: set(SPEC["components"][f"comp-{name}"]["outputDefinitions"]["artifacts"])
        for name in ("evaluate", "export-model")
    }
    assert outputs == {"evaluate": {"metrics"}, "export-model": {"model"}}


def test_the_contract_names_every_parameter_and_its_type() -> None:
    contract = (ROOT / "docs/reference/pipeline-contract.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", contract, re.MULTILINE))
    types = {"STRING": "string", "NUMBER_DOUBLE": "double", "LIST": "list"}
    declared = SPEC["root"]["inputDefinitions"]["parameters"]
    for name, definition in declared.items():
        assert documented[name] == types[definition["parameterType"]], name


def test_the_contracts_smallest_pipeline_compiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contract = (ROOT / "docs/reference/pipeline-contract.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", contract, re.DOTALL)
    (tmp_path / "smallest.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    compiler.Compiler().compile(
        importlib.import_module("smallest").smallest, str(tmp_path / "y.yaml")
    )
    small = yaml.safe_load((tmp_path / "y.yaml").read_text())["root"]["inputDefinitions"][
        "parameters"
    ]
    example = SPEC["root"]["inputDefinitions"]["parameters"]
    listed = {"key_column", "feature_columns", "target_columns"}
    assert small == {name: kind for name, kind in example.items() if name not in listed}


def steps() -> list[Any]:
    """The container of each step of each pipeline, as committed."""
    return [
        pytest.param(executor["container"], id=f"{file.stem}-{name}")
        for file in sorted(compiling.COMPILED.glob("*.yaml"))
        for name, executor in yaml.safe_load(file.read_text())["deploymentSpec"][
            "executors"
        ].items()
    ]


def installed(container: dict[str, Any]) -> tuple[dict[str, Requirement], list[str]]:
    """The packages that the step installs with pip, by name, and pip's options."""
    script = container["command"][2]
    (line,) = (line for line in script.splitlines() if "pip install" in line)
    words = shlex.split(line.partition("pip install")[2].partition("&&")[0])
    packages = [Requirement(word) for word in words if not word.startswith("-")]
    assert len({one.name for one in packages}) == len(packages)
    return {one.name: one for one in packages}, [word for word in words if word[0] == "-"]


@pytest.mark.parametrize("container", steps())
def test_every_step_installs_its_requirements_as_locked_and_nothing_else(
    container: dict[str, Any],
) -> None:
    packages, options = installed(container)
    assert {"--no-deps", "--only-binary=:all:"} <= set(options)
    assert packages["kfp"].specifier == Requirement(pin("kfp")).specifier
    lock = {line.split(" ")[0] for line in LOCK}
    for one in packages.values():
        assert f"{one.name}{one.specifier}" in lock
        assert one.marker is None or one.marker.evaluate(TARGET)
    # By the installed metadata: a step has all requirements, with their extras.
    extras = {name: {""} for name in packages.keys() - {"kfp"}}
    changed = True
    while changed:
        before = {name: set(some) for name, some in extras.items()}
        for name, some in before.items():
            for requirement in map(Requirement, requires(name) or ()):
                marker = requirement.marker
                if marker and not any(marker.evaluate(TARGET | {"extra": one}) for one in some):
                    continue
                needed = canonicalize_name(requirement.name)
                assert needed in packages, f"{name} requires {requirement}"
                (version,) = packages[needed].specifier
                assert requirement.specifier.contains(version.version), (
                    f"{name} requires {requirement}"
                )
                extras[needed] |= requirement.extras
        changed = extras != before


@pytest.mark.parametrize("container", steps())
def test_the_sandbox_has_the_packages_of_every_step(container: dict[str, Any]) -> None:
    lightweight = command.read(container["command"], container["args"])
    assert len(lightweight.requirements) == len(installed(container)[0])
    assert environment.missing(lightweight.requirements) == [], "it would use the package index"


@pytest.mark.parametrize("container", steps())
def test_every_step_runs_in_a_pinned_image(container: dict[str, Any]) -> None:
    assert container["image"] == BASE_IMAGE
    # By digest, or at least by a patch version.
    assert re.fullmatch(r"python(:3\.11\.\d+-slim-\w+|@sha256:[0-9a-f]{64})", BASE_IMAGE)


@pytest.mark.long
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="steps run in Python 3.11")
@pytest.mark.parametrize("container", steps())
def test_a_step_starts_in_an_empty_virtual_environment(
    container: dict[str, Any], tmp_path: Path
) -> None:
    """Uses the package index."""
    venv.create(tmp_path, with_pip=True)
    source = ast.parse(container["command"][-1])
    modules = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    modules |= {
        alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imports = "\n".join(f"import {name}" for name in ("kfp.dsl.executor_main", *modules))
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    start = ["sh", "-c", container["command"][2], "python3", "-c", imports]
    environ = os.environ | {"PATH": path, "_KFP_RUNTIME": "true"}
    result = subprocess.run(start, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    pip = [str(tmp_path / "bin/python"), "-m", "pip", "check"]
    check = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    lacking = [line for line in check.splitlines() if not line.startswith("kfp ")]
    assert lacking in ([], ["No broken requirements found."])


def test_the_lock_is_evaluated_for_the_image_and_not_for_this_machine() -> None:
    # The other variables differ between builds of the image; no marker of the lock uses them.
    other = default_environment().keys() - TARGET.keys()
    assert other == {"implementation_version", "platform_release", "platform_version"}
    assert not [line for line in LOCK if any(name in line for name in other)]
    assert "\n".join(LOCK).count("\nnumpy==") > 1
    assert pin("numpy") == "numpy==2.4.6"


@pytest.mark.parametrize("name", ["linnerud", "duel"])
def test_every_step_contains_all_functions_that_it_calls(name: str) -> None:
    spec = yaml.safe_load((compiling.COMPILED / f"{name}.yaml").read_text())
    for executor in spec["deploymentSpec"]["executors"].values():
        source = executor["container"]["command"][-1]
        assert len(source) < 100_000, "an argument of a process is 128 KiB at most"
        names: dict[str, Any] = {}
        exec(compile(source, name, "exec", dont_inherit=True), names)
        codes = [f.__code__ for f in names.values() if getattr(f, "__code__", None)]
        codes = [code for code in codes if code.co_filename == name]
        for code in codes:  # nested functions are appended
            codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
            called = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
            assert called <= names.keys() | vars(builtins).keys(), code.co_name


def test_a_package_that_is_not_in_the_lock_is_refused() -> None:
    with pytest.raises(LookupError, match=r"^torch is not in requirements.txt: add it to"):
        pin("torch")


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        (SERVING_IMAGE, "scikit-learn==1.7.0"),
        (SERVING_IMAGE, "scikit-learn==1.60.1"),
        (SERVING_IMAGE.replace("1-6", "1-5"), "scikit-learn==1.6.1"),
        ("us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest", "scikit-learn==1.6.1"),
    ],
)
def test_a_serving_image_of_another_minor_version_is_refused(image: str, pinned: str) -> None:
    with pytest.raises(ValueError, match=r"may not load in the serving image .*: pin the same"):
        require_same_minor(image, pinned)


def test_the_pinned_scikit_learn_fits_the_serving_image() -> None:
    assert require_same_minor(SERVING_IMAGE, pin("scikit-learn")) == SERVING_IMAGE
