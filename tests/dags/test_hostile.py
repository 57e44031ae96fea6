"""Text of a model's file is never run as SQL, template or filter."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import Google, Model
from tests.titleholder.config.editor import SCHEMA
from titleholder.config.loader import load_model
from titleholder.errors import ConfigError

EVIL = [
    "x` WHERE TRUE; DROP TABLE `y",
    "x'; DROP TABLE y; --",
    'x" OR display_name="y',
    "{{ 1 / 0 }}",
    "{% raise %}",
    "{{ var.value.secret }}",
    "{config.__class__.__init__.__globals__}",
    "${HOME} $(id) `id`",
    "../../etc/passwd",
    "x\ny",
    "x\\",
    "%(x)s",
]
# Free text, and names for a lookup that can only fail.
FREE = {
    *("description", "owner", "tags", "connection", "pipeline.parameters", "schedule.assets"),
    *("pipeline.service_account", "endpoint.service_account", "endpoint.display_name"),
}


def texts(section: dict[str, Any], above: str = "") -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Every key that takes text, with a function that makes a value from a text."""
    for name, key in section["properties"].items():
        path = f"{above}{name}"
        match key:
            case {"properties": _}:
                if "string" in key["type"]:
                    yield path, lambda text: text
                yield from texts(key, f"{path}.")
            case {"type": "array", "items": {"type": "string"}}:
                yield path, lambda text: [text]
            case {"type": "array"}:
                yield path, lambda text: [{"traffic_percentage": 10, "bake": text}]
            case {"type": "object"}:
                yield path, lambda text: {"a": text}
            case {"type": "string" | ["string", "null"]}:
                yield path, lambda text: text


KEYS = dict(texts(SCHEMA))


def model_with(key: str, text: str) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load((DAGS_FOLDER / "models" / "linnerud.yaml").read_text())
    *parents, last = key.split(".")
    section = raw
    for parent in parents:
        if isinstance(section.get(parent), str):  # the schedule, written as text
            section[parent] = {"cron": section[parent]}
        section = section.setdefault(parent, {})
    value, before = KEYS[key](text), section.get(last)
    section[last] = before | value if isinstance(before, dict) else value
    return raw


def value_of(found: Any, key: str) -> Any:
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


def test_every_key_that_takes_text_is_found() -> None:
    assert len(KEYS) > 30
    assert KEYS.keys() >= FREE | {"source.table", "source.timestamp", "events_table", "labels"}


@pytest.mark.parametrize("key", list(KEYS))
def test_hostile_text_is_refused_or_stays_text(key: str, tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    accepted = []
    for text in EVIL:
        raw = model_with(key, text)
        path.write_text(yaml.safe_dump(raw))
        try:
            config = load_model(path)
        except ConfigError:
            continue
        accepted.append(text)
        assert value_of(config, key) == value_of(raw, key)
    assert bool(accepted) == (key in FREE), accepted
    if key == "endpoint.display_name":
        assert not [text for text in accepted if set(text) & set('"\\\n')]


def test_airflow_renders_no_text_of_a_model_file(airflow_home: Path) -> None:
    path = DAGS_FOLDER / "models" / "linnerud.yaml"
    before = path.read_text()
    raw = yaml.safe_load(before)
    for key in ("description", "owner", "connection"):
        raw[key] = "{{ 1 / 0 }} {config}"
    path.write_text(yaml.safe_dump(raw))
    try:
        bag = DagBag(str(DAGS_FOLDER))
    finally:
        path.write_text(before)
    assert bag.import_errors == {}
    for dag in bag.dags.values():
        assert "{{ 1 / 0 }} {config}" in (dag.description or "")
        for task in dag.tasks:
            assert list(task.template_fields) == []
            task.render_template_fields({"dag": dag})
            assert task.config.owner == task.owner == "{{ 1 / 0 }} {config}"


def test_a_run_passes_text_on_unchanged(model: Callable[..., Model], google: Google) -> None:
    evil = " ".join(EVIL)
    made = model(description=evil, tags=[EVIL[0]], owner=EVIL[3])
    made.set_parameters(fail=True, image=evil)
    result = made.run()
    assert result.tasks["submit_pipeline"] == "success", result.errors
    (job,) = google.jobs_of(made.name)
    found = google.jobs.get_pipeline_job(name=job.name)
    assert found.runtime_config.parameter_values["image"] == evil
