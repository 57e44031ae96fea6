import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from google.cloud import aiplatform_v1 as v1

from tests.conftest import REPOSITORY
from tests.titleholder.config.model_files import (
    INVALID,
    LINNERUD,
    ODD_VALUES,
    STAGING,
    changed,
    keys,
    write_staging,
    written,
)
from titleholder.config.endpoint import Accelerator, Endpoint, EndpointType, Resources
from titleholder.config.loader import load_model, load_model_by_name, load_models, model_from_json
from titleholder.config.model import ModelConfig
from titleholder.config.rollout import TrafficStep
from titleholder.errors import ConfigError


def test_the_example_is_valid() -> None:
    config = load_model(LINNERUD)
    assert config.model == "linnerud"
    assert config.source.freshness.error_after == timedelta(hours=24)
    assert config.rollout.traffic_percentage == 10


@pytest.fixture
def error_of(tmp_path: Path) -> Callable[[str, object], str]:
    """Write linnerud.yaml with one key changed or, for ..., removed; return the error."""

    def write(key: str, value: object) -> str:
        path = tmp_path / "linnerud.yaml"
        path.write_text(written(changed(key, value)))
        with pytest.raises(ConfigError) as raised:
            load_model(path)
        return str(raised.value)

    return write


@pytest.mark.parametrize(("key", "value", "message"), INVALID)
def test_an_error_names_file_line_key_and_remedy(
    error_of: Callable[[str, object], str], key: str, value: object, message: str
) -> None:
    error = error_of(key, value)
    assert re.match(r"linnerud\.yaml:\d+: ", error)
    assert message in error
    assert "\n" not in error


def test_columns_of_a_duel_default_to_the_pipeline_parameters(tmp_path: Path) -> None:
    config = load_model(LINNERUD)
    assert config.duel is not None
    assert config.duel.feature_columns == ["weight_kg", "waist_cm", "pulse_bpm"]
    assert config.duel.target_columns == ["chins", "situps", "jumps"]
    raw = yaml.safe_load(LINNERUD.read_text())
    raw["duel"]["target_columns"] = ["chins"]
    path = tmp_path / "linnerud.yaml"
    path.write_text(yaml.safe_dump(raw))
    duel = load_model(path).duel
    assert duel is not None
    assert duel.target_columns == ["chins"]
    del raw["duel"], raw["watch"]
    path.write_text(yaml.safe_dump(raw))
    assert load_model(path).duel is None


def test_columns_that_are_no_list_have_the_line_of_the_parameter(tmp_path: Path) -> None:
    path, text = tmp_path / "linnerud.yaml", LINNERUD.read_text()
    path.write_text(re.sub(r"(?m)^( +feature_columns:).*", r"\1 text", text))
    before, _, _ = path.read_text().partition("feature_columns: text")
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    (line,) = str(raised.value).splitlines()
    number = before.count("\n") + 1
    assert line.startswith(f"linnerud.yaml:{number}: pipeline.parameters.feature_columns: is 'te")


@pytest.mark.parametrize(
    ("rollout", "key"),
    [({"promotion": "approval"}, "promotion: approval"), ({"guardrails": {}}, "guardrails")],
)
def test_approval_and_guardrails_need_a_duel(
    tmp_path: Path, rollout: dict[str, object], key: str
) -> None:
    raw = yaml.safe_load(LINNERUD.read_text())
    path = tmp_path / "linnerud.yaml"
    path.write_text(yaml.safe_dump({**raw, "rollout": rollout}))
    assert load_model(path).approval_timeout == timedelta(hours=20)
    del raw["duel"]
    path.write_text(yaml.safe_dump({**raw, "rollout": rollout}))
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    assert str(raised.value) == (
        f"linnerud.yaml:1: duel: is missing, and without it nothing is evaluated, so that "
        f"rollout.{key} has no effect; add it, or leave that out"
    )


def test_a_group_sequential_design_needs_an_end(tmp_path: Path) -> None:
    raw, path = changed("duel.max_duration", None), tmp_path / "linnerud.yaml"
    raw["duel"]["design"] = "group_sequential"
    raw["rollout"]["on_new_challenger"] = "keep_current"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError, match=r"neither max_duration nor rollout\.on_new_challenger"):
        load_model(path)
    # The next challenger ends it, or it has another design.
    for section, key, value in (
        ("rollout", "on_new_challenger", "replace"),
        ("duel", "design", "confidence_sequence"),
    ):
        path.write_text(yaml.safe_dump(raw | {section: raw[section] | {key: value}}))
        duel = load_model(path).duel
        assert duel is not None
        assert duel.max_duration is None


def test_an_approval_ends_before_the_next_duel(tmp_path: Path) -> None:
    raw = yaml.safe_load(LINNERUD.read_text())
    path = tmp_path / "linnerud.yaml"
    for schedule, hours in (("0 */6 * * *", 5), ("0 5 * * 1,4", 60), ("0 5,6 * * *", 5 / 6)):
        raw["duel"]["schedule"] = schedule
        path.write_text(yaml.safe_dump(raw))
        assert load_model(path).approval_timeout == timedelta(hours=hours)
    raw["rollout"]["approval_timeout"] = "10m"
    path.write_text(yaml.safe_dump(raw))
    assert load_model(path).approval_timeout == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("rollout", "percentage", "steps"),
    [
        ({}, 10, [TrafficStep(traffic_percentage=10)]),
        ({"traffic_percentage": 7}, 7, [TrafficStep(traffic_percentage=7)]),
        (
            {"steps": [5, 25]},
            5,
            [TrafficStep(traffic_percentage=5), TrafficStep(traffic_percentage=25)],
        ),
        (
            {"steps": [{"traffic_percentage": 5, "bake": "2d"}, 50]},
            5,
            [
                TrafficStep(traffic_percentage=5, bake=timedelta(2)),
                TrafficStep(traffic_percentage=50),
            ],
        ),
        ({"steps": [5], "traffic_percentage": 5}, 5, [TrafficStep(traffic_percentage=5)]),
    ],
)
def test_traffic_steps(
    tmp_path: Path, rollout: dict[str, object], percentage: int, steps: list[TrafficStep]
) -> None:
    raw = yaml.safe_load(LINNERUD.read_text())
    path = tmp_path / "linnerud.yaml"
    path.write_text(yaml.safe_dump({**raw, "rollout": rollout}))
    loaded = load_model(path).rollout
    assert (loaded.traffic_percentage, loaded.traffic_steps) == (percentage, steps)


def test_all_errors_of_a_file_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(LINNERUD.read_text().replace("owner:", "ownr:").replace("10 #", "100 #"))
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    lines = str(raised.value).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "owner: is missing; add it",
        "rollout.traffic_percentage: is 100; write 99 or less",
        "ownr: is not a key; did you mean owner?",
    ]


@pytest.mark.parametrize("key", list(keys(ModelConfig)))
def test_messages_for_any_key_follow_one_pattern(tmp_path: Path, key: str) -> None:
    *parents, last = key.split(".")
    path = tmp_path / "linnerud.yaml"
    refused = 0
    for value in ODD_VALUES:
        metrics = {"table": "ops.serving", "max_error_rate": 0.01}
        raw = changed(key, value, rollout={"guardrails": {"metrics": metrics}})
        path.write_text(written(raw))
        try:
            load_model(path)
        except ConfigError as error:
            refused += 1
            for sentence in str(error).splitlines():
                file, reported, rest = sentence.split(": ", 2)
                assert re.fullmatch(r"linnerud\.yaml:\d+", file)
                # The duel may lack what the pipeline parameters give.
                assert reported.startswith((parents[0] if parents else last, "duel"))
                problem, remedy = rest.split("; ", 1)
                assert problem.startswith(("is ", "has ", "sets ", "warn_after is "))
                assert len(problem) < 150
                assert remedy.startswith(("write ", "add it", "remove it", "name it "))
    assert refused or key == "pipeline.parameters"


DUPLICATES = """
owner: two
source:
  freshness:
    timeout: 6h
    timeout: 12h
pipeline:
  parameters:
    columns: [{a: 1, b: 2, a: 3}]
"""


def test_duplicate_keys_are_reported_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(f"owner: one{DUPLICATES}")
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    messages = str(raised.value).splitlines()
    assert messages[:3] == [
        "linnerud.yaml:2: owner: is written twice, in line 1 and in line 2; keep one",
        "linnerud.yaml:6: timeout: is written twice, in line 5 and in line 6; keep one",
        "linnerud.yaml:9: a: is written twice, in line 9 and in line 9; keep one",
    ]
    assert "linnerud.yaml:1: model: is missing; add it" in messages[3:]


def test_a_duplicate_key_is_an_error_in_an_otherwise_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(f"{LINNERUD.read_text()}\nowner: ml-platform\n")
    with pytest.raises(
        ConfigError, match=r"^linnerud\.yaml:53: owner: is written twice.*keep one$"
    ):
        load_model(path)


def test_merged_keys_are_no_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    merged = "labels: &all {team: a, tier: b}\n"
    path.write_text(
        merged
        + LINNERUD.read_text().replace("  parameters:", "  parameters:\n    x: {<<: *all, team: c}")
    )
    config = load_model(path)
    assert config.labels == {"team": "a", "tier": "b"}
    assert config.pipeline.parameters["x"] == {"team": "c", "tier": "b"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "- a list",
            "a: [",
            "\x00",
            "start_date: 2026-02-30",
            "[" * 5000,
            "labels: &a {x: *a}",
        ),
        *("pipeline: {parameters: &a {x: *a}}", "{[a]: b}", "1: 2"),
    ],
)
def test_a_file_that_is_not_a_mapping(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"^broken\.yaml(:1)?: "):
        load_model(tmp_path / "broken.yaml")


def test_an_invalid_file_does_not_affect_the_others(tmp_path: Path) -> None:
    (tmp_path / "linnerud.yaml").write_text(LINNERUD.read_text())
    (tmp_path / "broken.yaml").write_text("model: broken")
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud"]
    assert len(found.errors) == 1
    assert load_models(tmp_path, only="linnerud").errors == []


@pytest.mark.parametrize("name", ["other.yml", "team/other.yaml", "team/other.yml"])
def test_a_file_that_would_be_overlooked_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "linnerud.yaml").write_text(LINNERUD.read_text())
    for path in (tmp_path / name, tmp_path / ".git" / "other.yaml"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(LINNERUD.read_text())
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud"]
    (error,) = found.errors
    assert str(error) == (
        f"{name}: is not read, as a model's file is NAME.yaml in the folder of all models; "
        "move it to other.yaml"
    )
    assert load_models(tmp_path, only="linnerud").errors == []


def test_a_day_that_does_not_exist_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(LINNERUD.read_text().replace("2026-08-03", "2026-13-03"))
    line = path.read_text().splitlines().index("start_date: 2026-13-03") + 1
    with pytest.raises(
        ConfigError,
        match=rf"linnerud\.yaml:{line}: not readable as YAML \(month must be in 1\.\.12",
    ):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("model: x\nowner: a: b\n", 2, "mapping values are not allowed in this context"),
        (
            "model: x\nowner: 'y\n\ntags: []\n",
            4,
            "while scanning a quoted scalar from line 2, found unexpected end of stream",
        ),
        ("tags: [\n", 1, "while parsing a flow node, did not find expected node content"),
        (
            "a: 1\n---\nb: 2\n",
            2,
            "expected a single document in the stream from line 1, but found another document",
        ),
        ("owner: é\ntags: \x00\n", 2, "the character #x0000 is not allowed"),
        ("{[a]: b}", 1, "while constructing a mapping, found unhashable key"),
    ],
)
def test_a_syntax_error_is_named_by_file_and_line(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    assert str(raised.value) == (
        f"linnerud.yaml:{line}: not readable as YAML ({problem}); correct it"
    )


def test_many_errors_cost_no_more_parsing_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def parse(text: str, **options: Any) -> Any:
        parsed.append(text)
        return original(text, **options)

    original, path = yaml.parse, tmp_path / "linnerud.yaml"
    monkeypatch.setattr(yaml, "parse", parse)
    for content, errors in (
        (f"{LINNERUD.read_text()}\ncolour: red", 1),
        ("\n".join(f"key{number}: 1" for number in range(50)), 58),
    ):
        parsed.clear()
        path.write_text(content)
        with pytest.raises(ConfigError) as raised:
            load_model(path)
        assert len(str(raised.value).splitlines()) == errors
        # Once for the values, once for the lines.
        assert parsed == [content, content]


def test_an_unreadable_file_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "missing.yaml").symlink_to(tmp_path / "nowhere")
    (error,) = load_models(tmp_path).errors
    assert str(error).startswith("missing.yaml: ")


def test_an_endpoint_belongs_to_one_model(tmp_path: Path) -> None:
    text = LINNERUD.read_text()
    (tmp_path / "linnerud.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(text.replace("model: linnerud", "model: other"))
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud"]
    (error,) = found.errors
    assert "'linnerud' is the endpoint of linnerud.yaml; name another one" in str(error)


def test_a_bq_prefix_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(LINNERUD.read_text().replace("linnerud.measurements", "bq://my-project.d.t"))
    assert load_model(path).source.table == "my-project.d.t"


def test_a_model_that_extends_another(tmp_path: Path) -> None:
    base, own = load_model(LINNERUD), load_model(write_staging(tmp_path))
    assert own.endpoint == base.endpoint.model_copy(update={"display_name": "linnerud-staging"})
    assert own.pipeline.parameters == {**base.pipeline.parameters, "key_column": "person"}
    assert own.tags == ["staging"]
    assert (own.rollout.traffic_percentage, own.duel) == (50, None)
    assert (own.source, own.schedule, own.owner) == (base.source, base.schedule, base.owner)
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud", "staging"]
    assert load_models(tmp_path, only="staging").configs == [own]


def test_the_staging_model_in_the_docs(tmp_path: Path) -> None:
    page = (LINNERUD.parents[2] / "docs" / "how-to" / "environments.md").read_text()
    (text,) = re.findall(r"```yaml\n# dags/models/linnerud-staging\.yaml\n(.*?)```", page, re.S)
    write_staging(tmp_path, text).rename(tmp_path / "linnerud-staging.yaml")
    found = load_models(tmp_path)
    assert found.errors == []
    base, own = found.configs
    assert (own.model, own.endpoint.display_name) == ("linnerud-staging", "linnerud-staging")
    assert own.rollout.traffic_steps == [TrafficStep(traffic_percentage=50)]
    (tmp_path / "linnerud-staging.yaml").write_text("model: linnerud-staging\nextends: linnerud\n")
    assert load_models(tmp_path).configs == [base]
    assert (own.pipeline, own.duel, own.gate) == (base.pipeline, base.duel, base.gate)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STAGING.replace("linnerud\n", "absent\n"), "extends: is 'absent', which is no other fil"),
        (STAGING.replace("linnerud\n", "staging\n"), "which is no other file beside it; write one"),
        (STAGING.replace("linnerud\n", "../x\n"), "extends: is '../x', which is no other file be"),
        (STAGING.replace("linnerud\n", "3\n"), "extends: is 3; write text, in quotes where YAML"),
        (STAGING.replace("linnerud\n", "third\n"), "'third', which itself extends another; wr"),
        ("model: staging\nextends: linnerud", "'linnerud' is the endpoint of linnerud.yaml; name"),
        (f"{STAGING}ownr: me", "ownr: is not a key; did you mean owner?"),
        (f"{STAGING}tags: []", "tags: is written twice, in line 7 and in line 10; keep one"),
        (STAGING.replace("50", "100"), "rollout.traffic_percentage: is 100; write 99 or less"),
    ],
)
def test_errors_of_a_file_that_extends_another(tmp_path: Path, text: str, message: str) -> None:
    write_staging(tmp_path, text)
    (tmp_path / "third.yaml").write_text(STAGING.replace("staging", "third"))
    (error,) = [e for e in load_models(tmp_path).errors if str(e).startswith("staging")]
    assert message in str(error)


@pytest.mark.parametrize(
    "rollout",
    [
        {},
        {
            "steps": [{"traffic_percentage": 5, "bake": "36h"}, 25],
            "promotion": "approval",
            "approval_timeout": "90m",
        },
        {"guardrails": {"metrics": {"table": "ops.s", "window": "2d", "max_error_rate": 0.01}}},
    ],
)
def test_a_model_survives_serialization(tmp_path: Path, rollout: object) -> None:
    raw = yaml.safe_load(LINNERUD.read_text()) | {"rollout": rollout}
    raw["alerts"] = {"late_after": "2h", "email": ["a@b.c"]}
    path = tmp_path / "linnerud.yaml"
    path.write_text(yaml.safe_dump(raw))
    config = load_model(path)
    assert model_from_json(config.model_dump_json(exclude_defaults=True)) == config
    with pytest.raises(ConfigError, match="another version of titleholder; look again in a minute"):
        model_from_json('{"model": "linnerud", "colour": "red"}')


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_a_deeply_nested_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"not readable as YAML \(it is nested more than 100 lev"):
        load_model(path)


def test_machine_settings(tmp_path: Path) -> None:
    def resources(**endpoint: object) -> Resources:
        raw = changed("endpoint", {"display_name": "linnerud", **endpoint})
        path = tmp_path / "linnerud.yaml"
        path.write_text(yaml.safe_dump(raw))
        return load_model(path).endpoint.resources

    assert resources() == Resources("n1-standard-4")
    assert resources(min_replicas=2) == Resources("n1-standard-4", None, 2, 2)
    scaled = resources(
        machine_type="g2-standard-8",
        accelerator={"type": "NVIDIA_L4"},
        max_replicas=3,
        autoscaling={"request_count": 90, "cpu_utilization": 70, "accelerator_duty_cycle": 60},
        service_account="models@my-project.iam.gserviceaccount.com",
    )
    # 60 is Vertex AI's default for a utilization.
    assert scaled == Resources(
        "g2-standard-8",
        ("NVIDIA_L4", 1),
        1,
        3,
        (("cpu_utilization", 70), ("request_count", 90)),
        "models@my-project.iam.gserviceaccount.com",
    )


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ({}, EndpointType.SHARED),
        ({"dedicated": True}, EndpointType.DEDICATED),
        ({"private_service_connect": {"projects": ["my-project"]}}, EndpointType.PRIVATE),
    ],
)
def test_the_type_of_the_endpoint(endpoint: dict[str, object], found: EndpointType) -> None:
    assert Endpoint.model_validate({"display_name": "a", **endpoint}).type is found


def test_the_accelerators_are_those_of_the_client_library() -> None:
    known = {name for name in v1.AcceleratorType.__members__ if name.startswith("NVIDIA_")}
    # The K80 has reached its end of support.
    assert {*get_args(Accelerator.model_fields["type"].annotation)} == known - {"NVIDIA_TESLA_K80"}


def test_loading_models_reads_no_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = (REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text()
    (tmp_path / "linnerud.yaml").write_text(raw.replace("linnerud.yaml # in", "absent.yaml # in"))
    monkeypatch.setattr(Path, "read_bytes", None)
    (config,) = load_models(tmp_path).require_valid()
    assert config.pipeline.template == "absent.yaml"


LINES = """model: child
extends: linnerud
rollout:
  steps:
    - 5
    - {traffic_percentage: 200, bake: 2d}
gate: {min_score: much}
endpoint:
  display_name: child
  machine_type: 7

duel:
  loss: absolut
  ownr: x
"""


def test_an_error_is_in_the_line_of_its_key_or_of_the_section_that_lacks_it(tmp_path: Path) -> None:
    base, child = tmp_path / "linnerud.yaml", tmp_path / "child.yaml"
    base.write_text(LINNERUD.read_text().replace("owner: ml-platform", "owner: 7"))
    child.write_text(LINES)
    with pytest.raises(ConfigError) as raised:
        load_model(child)
    keys = [line.split(": ")[:2] for line in str(raised.value).splitlines()]
    assert sorted(keys) == sorted(
        [
            # The key of the other file.
            ["child.yaml:2", "owner"],
            ["child.yaml:6", "rollout.steps.1.traffic_percentage"],
            ["child.yaml:7", "gate.min_score"],
            ["child.yaml:10", "endpoint.machine_type"],
            ["child.yaml:13", "duel.loss"],
            ["child.yaml:14", "duel.ownr"],
        ]
    )
    child.write_text("model: child\nextends: linnerud\nsource: {table: a.b\n")
    with pytest.raises(ConfigError, match=r"^child\.yaml:3: not readable as YAML \("):
        load_model(child)


def test_a_model_with_a_similar_name_is_suggested(tmp_path: Path) -> None:
    for name in ("linnerud", "wine"):
        (tmp_path / f"{name}.yaml").touch()
    for wrong, hint in (("linerud", "did you mean linnerud"), ("x", "there are linnerud, wine")):
        with pytest.raises(ConfigError, match=f"there is no model '{wrong}' in .*; {hint}"):
            load_model_by_name(tmp_path, wrong)
