import ast
import builtins
import dis
import importlib
import re
import shutil
import sys
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import yaml
from kfp import compiler
from packaging.utils import canonicalize_name as name_of

from images.reference import (
    LOCK,
    SOURCE,
    ImageError,
    check_lock,
    image_reference,
    pins,
    repository,
)
from pipeline import compile as compiling
from sandbox.vertex.pipelines.spec import command

ROOT = Path(compiling.__file__).parents[1]
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
    assert outputs == {"evaluate": {"metrics", "examples"}, "export-model": {"model"}}


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


@pytest.mark.parametrize("container", steps())
def test_every_step_runs_in_the_image_and_installs_nothing(container: dict[str, Any]) -> None:
    assert container["image"] == image_reference()
    lightweight = command.read(container["command"], container["args"])
    assert (lightweight.requirements, lightweight.pip_options) == ((), ())


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The modules of the image: of its packages, Python's, and its own."""
    pinned = {pin.name for pin in pins(LOCK)}
    found = {name for name, of in packages_distributions().items() if pinned & {*map(name_of, of)}}
    return found | sys.stdlib_module_names | {path.name for path in SOURCE.iterdir()}


@pytest.mark.parametrize("container", steps())
def test_the_image_has_every_module_that_a_step_imports(
    container: dict[str, Any], known: set[str]
) -> None:
    modules = set()
    for node in ast.walk(ast.parse(container["command"][-1])):
        if isinstance(node, ast.ImportFrom):
            modules.add(str(node.module))
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    assert {"kfp", "typing"} <= modules
    assert {module.partition(".")[0] for module in modules} <= known


def test_a_lock_of_the_image_with_another_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "requirements.txt"
    other.write_text((ROOT / "requirements.txt").read_text().replace("\njoblib==", "\njoblib==9."))
    monkeypatch.setattr(compiling, "check_lock", partial(check_lock, project_lock=other))
    monkeypatch.setattr(compiling, "COMPILED", tmp_path / "compiled")
    assert run(monkeypatch) == 1
    error = capsys.readouterr().err
    assert re.fullmatch(r"images/requirements.txt has joblib==.* another version: .*\n", error)
    assert not list((tmp_path / "compiled").iterdir())


@pytest.mark.parametrize(
    "image", [f"{repository()}/model:0123456789abcdef", "eu-docker.pkg.dev/p/r/model:latest"]
)
def test_a_step_in_another_build_of_the_image_is_refused(image: str) -> None:
    spec = yaml.safe_load((compiling.COMPILED / "linnerud.yaml").read_text())
    compiling.check_images("linnerud.yaml", spec)
    spec["deploymentSpec"]["executors"]["exec-train"]["container"]["image"] = image
    message = f"linnerud.yaml: train runs in {image}, which is another build of the image than"
    with pytest.raises(ImageError, match=re.escape(message)):
        compiling.check_images("linnerud.yaml", spec)


@pytest.mark.parametrize(
    "image",
    [
        "eu-docker.pkg.dev/p/r/" + image_reference().rpartition("/")[2],
        "eu-docker.pkg.dev/p/r/boosting:1",
        "python:3.11",
    ],
)
def test_a_step_may_run_in_another_image(image: str) -> None:
    executors = {"exec-train": {"container": {"image": image}}, "exec-importer": {"importer": {}}}
    compiling.check_images("other.yaml", {"deploymentSpec": {"executors": executors}})


@pytest.mark.parametrize("name", ["linnerud", "duel", "watch"])
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
