"""dags/models/schema.json: an editor finds the errors that the loader finds, and describes every
key."""

import copy
import json
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
from tests.titleholder.config.editor import COMMITTED, SCHEMA, schema_errors
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
from titleholder.config.json_schema import keys as schema_keys
from titleholder.config.loader import load_model
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration
from titleholder.errors import ConfigError

# Errors that only the loader finds, from the meaning of a value or from other keys.
LOADER_ONLY = [
    ("schedule", "0 25 * * 1"),
    ("schedule", "0 0 30 2 *"),
    ("schedule", "R R * * *"),
    ("schedule", {"cron": "0 3 * * 1", "or_time": True}),
    ("schedule", {"cron": "0 3 * * 1", "assets": ["gs://bucket/folder/"]}),
    ("source.freshness.warn_after", "48h"),
    ("watch.window", "36h"),
    ("watch.window", "1d"),
    ("watch.season", "weekly"),
    ("watch.retrain_on", []),
    ("watch", {"retrain_on": ["drift"]}),
    ("watch", {"retrain_on": ["schedule", "drift"], "drift": {"columns": ["waist_cm"]}}),
    ("source.freshness.timeout", "400d"),
    ("start_date", "soon"),
    ("start_date", "0001-01-01"),
    ("pipeline.template", "../secrets.yaml"),
    ("pipeline.parameters", {"since": date(2026, 1, 1)}),
    ("pipeline.parameters", {}),
    ("pipeline.parameters.feature_columns", "text"),
    ("pipeline.parameters.target_columns", ["a b"]),
    ("duel.target", "weight_kg"),
    ("duel.target_columns", ["a"]),
    ("duel.max_rows_per_day", 17),
    ("duel.cluster_column", "jumps"),
    ("duel.min_duration", "30d"),
    ("rollout.steps", [10, 5]),
    ("rollout.steps", [5, 25]),
    ("rollout", {"promotion": "approval", "approval_timeout": "24h"}),
    ("rollout.guardrails", {"traffic_split_check": False}),
    ("rollout.guardrails", {"metrics": {"table": "ops.serving"}}),
    ("model", "other"),
    *((key, value) for key, value, message in INVALID if message.startswith("endpoint: has ")),
    ("endpoint.autoscaling", {}),
    ("endpoint.private_service_connect", {"projects": []}),
]


def test_the_committed_schema_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "titleholder", "schema"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY / "plugins",
    )
    assert printed.stdout == COMMITTED.read_text(), "run `make docs` and commit the file"
    Draft7Validator.check_schema(SCHEMA)


def loads(folder: Path, raw: object) -> bool:
    path = folder / "linnerud.yaml"
    path.write_text(written(raw))
    try:
        load_model(path)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dags" / "models").glob("*.yaml")))
def test_the_models_in_the_repository(path: Path) -> None:
    assert schema_errors(yaml.safe_load(path.read_text())) == []
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


# JSON has no NaN and no infinity.
IN_JSON = [(k, v) for k, v, _ in INVALID if not re.search(r"\b(nan|inf)\b", repr(v))]


@pytest.mark.parametrize(("key", "value"), IN_JSON)
def test_an_editor_finds_the_errors_of_the_loader(key: str, value: object) -> None:
    errors = schema_errors(changed(key, value))
    assert bool(errors) != ((key, value) in LOADER_ONLY)


def test_errors_that_only_the_loader_finds_are_among_the_invalid_values() -> None:
    assert [pair for pair in LOADER_ONLY if pair not in [(k, v) for k, v, _ in INVALID]] == []


@pytest.mark.parametrize("key", list(keys(ModelConfig)))
def test_an_editor_accepts_every_file_that_loads(tmp_path: Path, key: str) -> None:
    missed = 0
    for value in ODD_VALUES:
        if value != value:
            continue
        raw = changed(key, value)
        errors, valid = schema_errors(raw), loads(tmp_path, raw)
        if valid:
            assert errors == [], (key, value)
        # Not counted: strings and lists of the right form, times in place of dates.
        missed += not valid and not errors and not isinstance(value, str | list | dict | datetime)
    assert missed <= 1


@pytest.mark.parametrize(
    "rollout",
    [
        *({}, {"steps": [5, 25]}, {"steps": [{"traffic_percentage": 5, "bake": "2d"}, 50]}),
        *({"steps": [5], "traffic_percentage": 5}, {"steps": []}),
    ],
)
def test_both_forms_of_a_step(tmp_path: Path, rollout: dict[str, object]) -> None:
    raw = yaml.safe_load(LINNERUD.read_text()) | {"rollout": rollout}
    assert loads(tmp_path, raw)
    assert schema_errors(raw) == []


def test_a_file_that_extends_another_needs_no_other_key(tmp_path: Path) -> None:
    raw = yaml.safe_load(STAGING)
    assert load_model(write_staging(tmp_path)).model == "staging"
    assert schema_errors(raw) == []
    for wrong in ({"ownr": "me"}, {"source": {"tabel": "a.b"}}, {"endpoint": {"min_replicas": 0}}):
        assert schema_errors(raw | wrong)
    without = copy.deepcopy(raw)
    del without["extends"]
    assert schema_errors(without)


def properties(schema: Any, above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the schema, those within lists and alternatives included."""
    if isinstance(schema, list):
        for item in schema:
            yield from properties(item, above)
    if not isinstance(schema, dict):
        return
    for name, key in schema.get("properties", {}).items():
        yield f"{above}{name}", key
        yield from properties(key, f"{above}{name}.")
    for inner in ("items", "anyOf"):
        yield from properties(schema.get(inner), above)


KEYS_OF_A_STEP = {"rollout.steps.traffic_percentage", "rollout.steps.bake"}


def test_every_key_has_a_description() -> None:
    described = dict(properties(SCHEMA))
    assert described.keys() == {*keys(ModelConfig), *KEYS_OF_A_STEP}
    assert [name for name, key in described.items() if not key.get("description")] == []


def test_every_key_is_listed_except_sections_that_every_model_has() -> None:
    listed = {name: (default, description) for name, _, default, description in schema_keys()}
    values = dict(properties(SCHEMA))
    expected = {
        name
        for name, key in values.items()
        if "properties" not in key or isinstance(key["type"], list)
    }
    assert listed.keys() == expected - KEYS_OF_A_STEP
    for name, (default, description) in listed.items():
        assert description == values[name]["description"]
        assert (default == "required") == (name in _required()), name
        if default not in ("", "required"):
            written = values[name]["default"]
            assert default == (written if isinstance(written, str) else json.dumps(written))


def _required(demands: dict[str, Any] = SCHEMA["else"], above: str = "") -> set[str]:
    found = {f"{above}{name}" for name in demands.get("required", ())}
    for section, inner in demands.get("properties", {}).items():
        found |= _required(inner, f"{above}{section}.")
    return found


@pytest.mark.parametrize("text", ["90s", "15m", "6h", "8d", "4w", "36h"])
def test_durations_are_formatted_as_in_a_file(text: str) -> None:
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    assert format_duration(timedelta(**{units[text[-1]]: int(text[:-1])})) == text
