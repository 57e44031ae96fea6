"""`titleholder validate`: errors of a model's file against its compiled pipelines."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl

from tests.conftest import REPOSITORY
from titleholder.cli.main import main
from titleholder.pipelines.templates import template_version

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
    """The output of the verb for the example with other parameters or another template, with the
    pipelines of the folder `compiled`."""
    pipelines, models = tmp_path / "compiled", tmp_path / "models"
    for folder in (pipelines, models):
        folder.mkdir()
    for name in ("linnerud.yaml", "duel.yaml", "watch.yaml"):
        (pipelines / name).write_bytes((COMMITTED / name).read_bytes())
    monkeypatch.setenv("TITLEHOLDER_TEMPLATE_DIR", str(pipelines))

    def checked(code: int = 1, template: str = "linnerud.yaml", **parameters: Any) -> str:
        raw = yaml.safe_load(LINNERUD.read_text())
        raw["pipeline"]["template"] = template
        own = raw["pipeline"]["parameters"] | parameters
        raw["pipeline"]["parameters"] = {key: own[key] for key in own if own[key] is not ...}
        (models / "linnerud.yaml").write_text(yaml.safe_dump(raw))
        assert main(["validate", "--models", str(models)]) == code
        output = capsys.readouterr()
        if code:
            assert output.out == ""
            lines = output.err.removeprefix("titleholder: ").splitlines()
            assert all(re.match(r"linnerud\.yaml:\d+: ", line) for line in lines)
            return "\n".join(re.sub(r":\d+: ", ": ", line, count=1) for line in lines)
        return output.out

    return checked


def test_an_unknown_template_is_an_error(check: Check, tmp_path: Path) -> None:
    assert check(template="linerud.yaml") == (
        "linnerud.yaml: pipeline.template: no compiled pipeline at "
        f"{tmp_path}/compiled/linerud.yaml; correct the name, compile it with `make compile`, or "
        "set TITLEHOLDER_TEMPLATE_DIR to the folder that holds it"
    )


def test_a_template_that_is_not_a_pipeline_is_an_error(check: Check, tmp_path: Path) -> None:
    (tmp_path / "compiled" / "half.yaml").write_text("components: {")
    assert check(template="half.yaml") == (
        "linnerud.yaml: pipeline.template: half.yaml is not a whole compiled pipeline; compile it "
        "anew"
    )


def test_unknown_and_missing_parameters_are_errors(check: Check) -> None:
    assert check(feature_colums=["a"], key_column=...).splitlines() == [
        "linnerud.yaml: pipeline.parameters: sets feature_colums, which the pipeline linnerud.yaml "
        "does not have; write one of feature_columns, key_column, target_columns, or remove it",
        "linnerud.yaml: pipeline.parameters: lacks key_column, which the pipeline linnerud.yaml "
        "requires; add it",
    ]
    assert "lacks key_column" in check(key_column=None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
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
def test_a_value_of_another_type_is_an_error(
    check: Check, tmp_path: Path, name: str, value: object, message: str
) -> None:
    compile_typed_pipeline(tmp_path / "compiled")
    (line,) = check(template="typed.yaml", **{name: value}).splitlines()
    assert line.startswith(f"linnerud.yaml: pipeline.parameters.{message}")
    assert line.endswith(", as the pipeline typed.yaml declares it")


def test_values_of_the_declared_type_are_valid(check: Check, tmp_path: Path) -> None:
    compile_typed_pipeline(tmp_path / "compiled")
    check(0, "typed.yaml")
    check(0, "typed.yaml", rounds=2.0, rate=1, shuffle=True, options={"a": 1}, key_column="x")
    check(0, "typed.yaml", rounds=None)


def test_a_pipeline_that_breaks_the_contract_is_an_error(check: Check, tmp_path: Path) -> None:
    raw = yaml.safe_load((COMMITTED / "linnerud.yaml").read_text())
    declared = raw["root"]["inputDefinitions"]["parameters"]
    del declared["location"]
    declared["min_score"]["parameterType"] = "STRING"
    declared["key_column"]["literals"] = ["id", "number"]
    (tmp_path / "compiled" / "linnerud.yaml").write_text(yaml.safe_dump(raw))
    duel = yaml.safe_load((COMMITTED / "duel.yaml").read_text())
    declared = duel["root"]["inputDefinitions"]["parameters"]
    del declared["loss"]
    del declared["batch_size"]["isOptional"], declared["batch_size"]["defaultValue"]
    (tmp_path / "compiled" / "duel.yaml").write_text(yaml.safe_dump(duel))
    ending = "which every run gives it; correct the pipeline and compile it again"
    assert check(key_column="name").splitlines() == [
        "linnerud.yaml: pipeline.parameters.key_column: is 'name'; write 'id' or 'number', as the "
        "pipeline linnerud.yaml declares it",
        "linnerud.yaml: pipeline.template: linnerud.yaml does not declare location, "
        f"{ending} (docs/reference/pipeline-contract.md)",
        "linnerud.yaml: pipeline.template: linnerud.yaml declares as STRING the min_score, "
        f"{ending} (docs/reference/pipeline-contract.md)",
        "linnerud.yaml: duel.template: duel.yaml requires batch_size, which no duel is given; give "
        "it a default, and compile it again (docs/reference/duel.md)",
        "linnerud.yaml: duel.template: duel.yaml does not declare loss, "
        f"{ending} (docs/reference/duel.md)",
    ]


def compile_typed_pipeline(folder: Path) -> None:
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


def test_validate_prints_what_a_file_leads_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "linnerud.yaml"
    good.write_text((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
    assert main(["validate", "--models", str(tmp_path)]) == 0
    pipeline, duel, watch = (
        template_version(name, (REPOSITORY / "pipeline" / "compiled" / name).read_bytes())
        for name in ("linnerud.yaml", "duel.yaml", "watch.yaml")
    )
    assert capsys.readouterr().out == (
        f"linnerud: its file is valid, and fits {pipeline}, {duel} and {watch}\n"
        "  train     0 3 * * 1 (UTC): linnerud.measurements by measured_at, with linnerud.yaml; "
        "scores from 60 pass\n"
        "  deploy    endpoint linnerud (created if missing): a challenger receives 10 % of the "
        "traffic\n"
        "  evaluate  0 5 * * * (UTC): by the absolute loss on chins; a better challenger is "
        "promoted automatically\n"
        "  watch     the champion: decay, from 5 % above the loss of its first 14 days, and data "
        "drift; schedule and decay start a training\n"
        "1 model, all valid\n"
    )
    raw = yaml.safe_load(good.read_text())
    raw["duel"] |= {"max_rows_per_day": 1000, "cluster_column": "person"}
    raw["watch"] = {"min_increase": 0.1, "on_decay": "undo_promotion"}
    good.write_text(yaml.safe_dump(raw))
    assert main(["validate", "--models", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert (
        "by the absolute loss on chins, at most 1000 rows a day, clustered by person; a better"
        in printed
    )
    assert (
        "decay, from 10 % above the loss of its first 14 days; schedule starts a training; a "
        "better previous champion returns\n" in printed
    )
    (tmp_path / "broken.yaml").write_text("model: broken\n")
    assert main(["validate", "--models", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("titleholder: broken.yaml:1: owner: is missing; add it\n")
    assert output.out == ""
    assert main(["validate", "--models", str(tmp_path / "none")]) == 1
    assert "none holds no model; add a YAML file" in capsys.readouterr().err


def test_validate_checks_only_the_named_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("linnerud", "staging"):
        raw = yaml.safe_load(LINNERUD.read_text())
        raw |= {"model": name, "endpoint": {"display_name": name, "create": True}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "broken.yaml").write_text("model: broken\n")

    def validate(*names: str, code: int) -> tuple[str, str]:
        assert main(["validate", *names, "--models", str(tmp_path)]) == code
        output = capsys.readouterr()
        return output.out, output.err

    out, _ = validate("staging", code=0)
    assert out.startswith("staging: its file is valid")
    assert out.endswith("1 model, all valid\n")
    out, _ = validate("staging", "linnerud", "staging", code=0)
    assert re.findall(r"^(\w+): its file is valid", out, re.MULTILINE) == ["staging", "linnerud"]
    assert out.endswith("2 models, all valid\n")
    _, errors = validate("linerud", "broken", "staging", code=1)
    first, *others = errors.splitlines()
    assert first == (
        f"titleholder: there is no model 'linerud' in {tmp_path}; did you mean linnerud?"
    )
    assert others
    assert all(line.startswith("broken.yaml:1: ") for line in others)


def test_validate_names_the_pipelines_that_it_cannot_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = yaml.safe_load((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
    raw["duel"]["template"] = "gs://b/duel.yaml"
    raw["rollout"] = {
        "steps": [5, {"traffic_percentage": 20, "bake": "2d"}],
        "promotion": "approval",
    }
    (tmp_path / "linnerud.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.setenv("TITLEHOLDER_TEMPLATE_DIR", str(tmp_path / "none"))
    assert main(["validate", "--models", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert output.startswith(
        "linnerud: its file is valid\n"
        f"  unknown   linnerud.yaml was not checked, as there is no {tmp_path}/none\n"
        "  unknown   gs://b/duel.yaml was not checked, as it is in Cloud Storage\n"
    )
    assert "a challenger receives 5 %, then 20 % for 2d of the traffic" in output
    assert "a better challenger is promoted once a person approves" in output
