"""dags/models/schema.json: what an editor finds is what the loader finds, and is explained."""

import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.conftest import REPOSITORY
from tests.titleholder.config.editor import COMMITTED, SCHEMA, found_by_an_editor
from tests.titleholder.config.model_files import (
    FAULTS,
    LINNERUD,
    ODD,
    STAGING,
    changed,
    keys,
    staged,
)
from titleholder.config.json_schema import meanings_in
from titleholder.config.loader import load_model
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration
from titleholder.errors import ConfigError

DOCS = (REPOSITORY / "docs" / "models.md").read_text()

# What only the loader finds: it asks what a value means, or compares it with other keys.
LOADER_ONLY = [
    ("schedule", "0 25 * * 1"),
    ("schedule", "0 0 30 2 *"),
    ("schedule", "R R * * *"),
    ("source.freshness.warn_after", "48h"),
    ("source.freshness.wait", "400d"),
    ("start_date", "soon"),
    ("start_date", "0001-01-01"),
    ("pipeline.template", "../secrets.yaml"),
    ("pipeline.parameters", {"since": date(2026, 1, 1)}),
    ("pipeline.parameters", {}),
    ("pipeline.parameters", {"feature_columns": 3}),
    ("duel.target", "weight_kg"),
    ("duel.target_columns", ["a"]),
    ("duel.min_duration", "30d"),
    ("rollout.steps", [10, 5]),
    ("rollout.steps", [5, 25]),
    ("rollout", {"promotion": "approval", "approval_timeout": "24h"}),
    ("rollout.guardrails", {"traffic_split_check": False}),
    ("rollout.guardrails", {"metrics": {"table": "ops.serving"}}),
    ("model", "other"),
]


def test_the_committed_schema_is_what_the_classes_and_the_docs_give() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "titleholder", "schema"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY / "plugins",
    )
    assert made.stdout == COMMITTED.read_text(), "run `make schema` and commit what it writes"
    Draft7Validator.check_schema(SCHEMA)


def loads(folder: Path, raw: object) -> bool:
    path = folder / "linnerud.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True))
    try:
        load_model(path)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dags" / "models").glob("*.yaml")))
def test_the_models_of_the_repository(path: Path) -> None:
    assert found_by_an_editor(yaml.safe_load(path.read_text())) == []
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


# JSON has no NaN and no infinity.
IN_JSON = [(k, v) for k, v, _ in FAULTS if not re.search(r"\b(nan|inf)\b", repr(v))]


@pytest.mark.parametrize(("key", "value"), IN_JSON)
def test_an_editor_finds_what_the_loader_finds(key: str, value: object) -> None:
    told = found_by_an_editor(changed(key, value))
    assert bool(told) != ((key, value) in LOADER_ONLY)


def test_what_only_the_loader_finds_is_among_the_faults() -> None:
    assert [pair for pair in LOADER_ONLY if pair not in [(k, v) for k, v, _ in FAULTS]] == []


@pytest.mark.parametrize("key", list(keys(ModelConfig)))
def test_an_editor_refuses_nothing_that_loads_and_little_less(tmp_path: Path, key: str) -> None:
    odd = 0
    for value in ODD:
        if value != value:
            continue
        raw = changed(key, value)
        told, good = found_by_an_editor(raw), loads(tmp_path, raw)
        if good:
            assert told == [], (key, value)
        # Text and lists that look right, times at which a date stands, numbers as floats.
        odd += not good and not told and not isinstance(value, str | list | dict | datetime)
    assert odd <= 1


@pytest.mark.parametrize(
    "rollout",
    [
        *({}, {"steps": [5, 25]}, {"steps": [{"share": 5, "bake": "2d"}, 50]}),
        *({"steps": [5], "traffic_percentage": 5}, {"steps": []}),
    ],
)
def test_both_forms_of_a_step(tmp_path: Path, rollout: dict[str, object]) -> None:
    raw = yaml.safe_load(LINNERUD.read_text()) | {"rollout": rollout}
    assert loads(tmp_path, raw)
    assert found_by_an_editor(raw) == []


def test_a_file_that_is_based_on_another_needs_no_other_key(tmp_path: Path) -> None:
    raw = yaml.safe_load(STAGING)
    assert load_model(staged(tmp_path)).model == "staging"
    assert found_by_an_editor(raw) == []
    for wrong in ({"ownr": "me"}, {"source": {"tabel": "a.b"}}, {"endpoint": {"replicas": 0}}):
        assert found_by_an_editor(raw | wrong)
    without = copy.deepcopy(raw)
    del without["extends"]
    assert found_by_an_editor(without)


def properties(section: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, key in section["properties"].items():
        yield f"{above}{name}", key
        if "properties" in key:
            yield from properties(key, f"{above}{name}.")


def test_every_key_is_in_the_docs_and_every_key_of_the_docs_is_one() -> None:
    values = {name: key for name, key in properties(SCHEMA) if "properties" not in key}
    explained = meanings_in(DOCS)
    sections = {name for name, key in properties(SCHEMA) if "properties" in key}
    assert values.keys() == explained.keys() - sections
    assert all(key["description"] for key in values.values())
    told = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", DOCS, re.MULTILINE))
    for name, key in values.items():
        default, said = key.get("default"), told[name]
        if name in (required := _required()):
            assert said == "required", name
        elif default is not None and said != "10 GiB":
            plain = str(default).lower() if isinstance(default, bool) else f"{default:}"
            assert said.strip("`") in (plain, plain.removesuffix(".0")), name
        assert (said == "required") == (name in required), name


def _required() -> set[str]:
    demands = SCHEMA["else"]
    found = set(demands["required"])
    for section, inner in demands["properties"].items():
        found |= {f"{section}.{name}" for name in inner.get("required", ())}
    return found


@pytest.mark.parametrize("text", ["90s", "15m", "6h", "8d", "4w", "36h"])
def test_durations_are_written_as_one_writes_them(text: str) -> None:
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    assert format_duration(timedelta(**{units[text[-1]]: int(text[:-1])})) == text
