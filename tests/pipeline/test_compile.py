import builtins
import dis
import importlib
import re
import shutil
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import yaml
from kfp import compiler

from pipeline import compile as compiling
from pipeline.component import pin
from pipeline.serving import SERVING_IMAGE, require_same_minor

ROOT = Path(compiling.__file__).parents[1]
LOCK = (ROOT / "requirements.txt").read_text().splitlines()
SPEC: dict[str, Any] = yaml.safe_load((compiling.COMPILED / "linnerud.yaml").read_text())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["compile", *arguments])
    return compiling.main()


def test_the_committed_pipelines_are_what_the_source_gives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--check") == 0, capsys.readouterr().err


def test_a_stale_pipeline_is_named(
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
        "pipeline/compiled/linnerud.yaml is not what the source gives: run `make compile` and "
        "commit it.\n"
    )


def test_tasks_and_outputs_are_those_of_the_contract() -> None:
    tasks = SPEC["root"]["dag"]["tasks"]
    assert set(tasks) == {"create-dataset", "train", "evaluate", "condition-1"}
    assert tasks["condition-1"]["taskInfo"]["name"] == "quality-gate"
    assert set(SPEC["components"]["comp-condition-1"]["dag"]["tasks"]) == {"offer"}
    outputs = {
        name: set(SPEC["components"][f"comp-{name}"]["outputDefinitions"]["artifacts"])
        for name in ("evaluate", "offer")
    }
    assert outputs == {"evaluate": {"metrics"}, "offer": {"model"}}


def test_the_contract_names_every_parameter_and_its_type() -> None:
    contract = (ROOT / "docs/pipeline-contract.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", contract, re.MULTILINE))
    types = {"STRING": "string", "NUMBER_DOUBLE": "double", "LIST": "list"}
    declared = SPEC["root"]["inputDefinitions"]["parameters"]
    for name, definition in declared.items():
        assert documented[name] == types[definition["parameterType"]], name


def test_the_contracts_smallest_pipeline_compiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contract = (ROOT / "docs/pipeline-contract.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", contract, re.DOTALL)
    (tmp_path / "smallest.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    compiler.Compiler().compile(
        importlib.import_module("smallest").smallest, str(tmp_path / "y.yaml")
    )
    small = yaml.safe_load((tmp_path / "y.yaml").read_text())["root"]["inputDefinitions"][
        "parameters"
    ]
    ours = SPEC["root"]["inputDefinitions"]["parameters"]
    listed = {"key_column", "feature_columns", "target_columns"}
    assert small == {name: kind for name, kind in ours.items() if name not in listed}


@pytest.mark.parametrize("name", ["linnerud", "duel"])
def test_every_installed_package_is_pinned_as_in_the_lock(name: str) -> None:
    spec = yaml.safe_load((compiling.COMPILED / f"{name}.yaml").read_text())
    pins = set(re.findall(r"'([\w-]+==[\w.]+)'", yaml.safe_dump(spec, width=10**6)))
    assert {pin("scikit-learn"), pin("pyarrow"), pin("kfp")} <= pins
    assert pins <= {line.split(" ")[0] for line in LOCK}
    assert {e["container"]["image"] for e in spec["deploymentSpec"]["executors"].values()} == {
        "python:3.11-slim"
    }


@pytest.mark.parametrize("name", ["linnerud", "duel"])
def test_every_step_ships_all_that_it_calls(name: str) -> None:
    spec = yaml.safe_load((compiling.COMPILED / f"{name}.yaml").read_text())
    for executor in spec["deploymentSpec"]["executors"].values():
        source = executor["container"]["command"][-1]
        assert len(source) < 100_000, "an argument of a process is 128 KiB at most"
        names: dict[str, Any] = {}
        exec(compile(source, name, "exec", dont_inherit=True), names)
        codes = [f.__code__ for f in names.values() if getattr(f, "__code__", None)]
        codes = [code for code in codes if code.co_filename == name]
        for code in codes:  # grows by the functions inside of functions
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
def test_a_model_that_the_server_may_not_load_is_refused(image: str, pinned: str) -> None:
    with pytest.raises(ValueError, match=r"may not load in the serving image .*: pin the same"):
        require_same_minor(image, pinned)


def test_the_pinned_scikit_learn_fits_the_server() -> None:
    assert require_same_minor(SERVING_IMAGE, pin("scikit-learn")) == SERVING_IMAGE
