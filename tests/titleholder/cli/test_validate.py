"""`titleholder check` finds what would fail on Monday: a model's file against its pipelines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl

from tests.conftest import REPOSITORY
from titleholder.cli.main import main

LINNERUD = REPOSITORY / "dags" / "models" / "linnerud.yaml"
COMMITTED = REPOSITORY / "pipeline" / "compiled"

Check = Callable[..., str]


@dsl.component(base_image="python:3.11-slim")
def nothing() -> None:
    pass


@pytest.fixture
def check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Check:
    """What the verb says of the example with other parameters or another template; the compiled
    pipelines are those of the folder `compiled`."""
    pipelines, models = tmp_path / "compiled", tmp_path / "models"
    for folder in (pipelines, models):
        folder.mkdir()
    for name in ("linnerud.yaml", "duel.yaml"):
        (pipelines / name).write_bytes((COMMITTED / name).read_bytes())
    monkeypatch.setenv("TITLEHOLDER_TEMPLATE_DIR", str(pipelines))

    def checked(code: int = 1, template: str = "linnerud.yaml", **parameters: Any) -> str:
        raw = yaml.safe_load(LINNERUD.read_text())
        raw["pipeline"]["template"] = template
        own = raw["pipeline"]["parameters"] | parameters
        raw["pipeline"]["parameters"] = {key: own[key] for key in own if own[key] is not ...}
        (models / "linnerud.yaml").write_text(yaml.safe_dump(raw))
        assert main(["check", "--models", str(models)]) == code
        said = capsys.readouterr()
        if code:
            assert said.out == ""
            return said.err.removeprefix("titleholder: ").rstrip("\n")
        return said.out

    return checked


def test_an_unknown_template(check: Check, tmp_path: Path) -> None:
    assert check(template="linerud.yaml") == (
        "linnerud.yaml: pipeline.template: no compiled pipeline at "
        f"{tmp_path}/compiled/linerud.yaml; compile it there, or set TITLEHOLDER_TEMPLATE_DIR to "
        "the "
        "folder that holds it"
    )


def test_a_template_that_is_no_pipeline(check: Check, tmp_path: Path) -> None:
    (tmp_path / "compiled" / "half.yaml").write_text("components: {")
    assert check(template="half.yaml") == (
        "linnerud.yaml: pipeline.template: half.yaml is not a whole compiled pipeline; compile it "
        "anew"
    )


def test_parameters_that_the_pipeline_does_not_have_and_that_it_lacks(check: Check) -> None:
    assert check(feature_colums=["a"], key_column=...).splitlines() == [
        "linnerud.yaml: pipeline.parameters: sets feature_colums, which the pipeline linnerud.yaml "
        "does not have; write one of feature_columns, key_column, target_columns, or remove it",
        "linnerud.yaml: pipeline.parameters: lacks key_column, which the pipeline linnerud.yaml "
        "requires; add it",
    ]
    assert "lacks key_column" in check(key_column=None)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("key_column", 7, "key_column: is 7; write text, in quotes where YAML reads something"),
        ("key_column", ["id"], "key_column: is ['id']; write text"),
        ("key_column", True, "key_column: is True; write text"),
        ("rounds", 2.5, "rounds: is 2.5; write a whole number, as"),
        ("rounds", True, "rounds: is True; write a whole number"),
        ("rounds", "2", "rounds: is '2'; write a whole number"),
        ("rate", "fast", "rate: is 'fast'; write a number"),
        ("rate", False, "rate: is False; write a number"),
        ("shuffle", 1, "shuffle: is 1; write true or false"),
        ("options", [1], "options: is [1]; write keys with their values below it"),
    ],
)
def test_a_value_of_another_type(
    check: Check, tmp_path: Path, name: str, value: object, says: str
) -> None:
    many_types(tmp_path / "compiled")
    (line,) = check(template="typed.yaml", **{name: value}).splitlines()
    assert line.startswith(f"linnerud.yaml: pipeline.parameters.{says}")
    assert line.endswith(", as the pipeline typed.yaml declares it")


def test_values_that_fit(check: Check, tmp_path: Path) -> None:
    many_types(tmp_path / "compiled")
    check(0, "typed.yaml")
    check(0, "typed.yaml", rounds=2.0, rate=1, shuffle=True, options={"a": 1}, key_column="x")
    check(0, "typed.yaml", rounds=None)


def test_a_pipeline_that_does_not_take_what_every_run_gives(check: Check, tmp_path: Path) -> None:
    raw = yaml.safe_load((COMMITTED / "linnerud.yaml").read_text())
    asked = raw["root"]["inputDefinitions"]["parameters"]
    del asked["location"]
    asked["min_score"]["parameterType"] = "STRING"
    asked["key_column"]["literals"] = ["id", "number"]
    (tmp_path / "compiled" / "linnerud.yaml").write_text(yaml.safe_dump(raw))
    duel = yaml.safe_load((COMMITTED / "duel.yaml").read_text())
    asked = duel["root"]["inputDefinitions"]["parameters"]
    del asked["loss"]
    del asked["batch_size"]["isOptional"], asked["batch_size"]["defaultValue"]
    (tmp_path / "compiled" / "duel.yaml").write_text(yaml.safe_dump(duel))
    every = "which every run gives it; mend the pipeline and compile it anew"
    assert check(key_column="name").splitlines() == [
        "linnerud.yaml: pipeline.parameters.key_column: is 'name'; write 'id' or 'number', as the "
        "pipeline linnerud.yaml declares it",
        "linnerud.yaml: pipeline.template: linnerud.yaml does not declare location, "
        f"{every} (docs/reference/pipeline-contract.md)",
        "linnerud.yaml: pipeline.template: linnerud.yaml declares as STRING the min_score, "
        f"{every} (docs/reference/pipeline-contract.md)",
        "linnerud.yaml: duel.template: duel.yaml requires batch_size, which no duel is given; give "
        "it a default, and compile it anew (docs/reference/duel.md)",
        "linnerud.yaml: duel.template: duel.yaml does not declare loss, "
        f"{every} (docs/reference/duel.md)",
    ]


def many_types(folder: Path) -> None:
    """A pipeline `typed`: the example's parameters, and those of each type as kfp declares them."""

    @dsl.pipeline(name="typed")
    def typed(
        options: dict[str, int] = {},  # noqa: B006
        rounds: int = 3,
        rate: float = 0.5,
        shuffle: bool = False,
    ) -> None:
        nothing()

    path = folder / "typed.yaml"
    compiler.Compiler().compile(typed, str(path))
    spec, example = (yaml.safe_load(one.read_text()) for one in (path, COMMITTED / "linnerud.yaml"))
    inputs = spec["root"]["inputDefinitions"]
    inputs["parameters"] |= example["root"]["inputDefinitions"]["parameters"]
    path.write_text(yaml.safe_dump(spec))
