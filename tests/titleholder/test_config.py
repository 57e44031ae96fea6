from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from titleholder.config import load_model, load_models
from titleholder.errors import ConfigError

LINNERUD = Path(__file__).parents[2] / "dags" / "models" / "linnerud.yaml"


def test_the_example_is_valid() -> None:
    config = load_model(LINNERUD)
    assert config.model == "linnerud"
    assert config.source.freshness.error_after == timedelta(hours=24)
    assert config.rollout.challenger_share == 10


@pytest.fixture
def faulty(tmp_path: Path):
    """Writes linnerud.yaml with one key changed (or, with ..., removed); gives back the error."""

    def write(key: str, value: object) -> str:
        raw = yaml.safe_load(LINNERUD.read_text())
        *parents, last = key.split(".")
        section = raw
        for parent in parents:
            section = section[parent]
        if value is ...:
            del section[last]
        else:
            section[last] = value
        path = tmp_path / "linnerud.yaml"
        path.write_text(yaml.safe_dump(raw))
        with pytest.raises(ConfigError) as raised:
            load_model(path)
        return str(raised.value)

    return write


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sourc", {}, "sourc: is not a key; remove it or mend its spelling"),
        ("rollout.share", 10, "rollout.share: is not a key; remove it or mend its spelling"),
        ("source.table", ..., "source.table: is missing; add it"),
        ("gate", ..., "gate: is missing; add it"),
        ("rollout.challenger_share", 0, "rollout.challenger_share: is 0; "),
        ("rollout.challenger_share", 100, "less than or equal to 99"),
        ("rollout.challenger_share", 12.5, "rollout.challenger_share: is 12.5; "),
        ("schedule", "every monday", "write five cron fields in UTC"),
        ("schedule", "0 25 * * 1", "schedule: is '0 25 * * 1'; write five cron fields"),
        ("source.table", "measurements", "write dataset.table or project.dataset.table"),
        ("source.table", "a.b.c.d", "source.table: is 'a.b.c.d'; "),
        ("source.table", "d.t` UNION ALL SELECT 1 --", "as BigQuery names them"),
        ("source.timestamp", "a) OR (1=1", "write the name of one column"),
        ("source.freshness.wait", "soon", "write a number and a unit, such as 90m, 6h or 7d"),
        ("source.freshness.wait", "0h", "source.freshness.wait: "),
        ("source.freshness.warn_after", "48h", "not longer than error_after"),
        ("gate.minimum_score", float("nan"), "gate.minimum_score: is nan; "),
        ("pipeline.template", "../secrets.yaml", "pipeline.template: "),
        ("model", "Linnerud", "model: is 'Linnerud'; "),
        ("model", "m" * 31, "model: is 'mmmm"),
        ("schedule", "0 0 30 2 *", "write five cron fields"),
        ("schedule", "R R * * *", "write five cron fields"),
        ("start_date", "0001-01-01", "write a date between 2000 and 2100"),
        ("tags", ["x" * 101], "tags.0: is 'xxx"),
        ("source.freshness.wait", "99999999999d", "write at most a year"),
        ("pipeline.parameters", {"since": date(2026, 1, 1)}, "quote a date"),
        ("pipeline.parameters", {"rate": float("nan")}, "write rate as a string, number"),
        ("model", "other", "name it 'linnerud' as its file"),
    ],
)
def test_a_fault_names_file_key_and_remedy(faulty, key: str, value: object, says: str) -> None:
    message = faulty(key, value)
    assert message.startswith("linnerud.yaml: ")
    assert says in message
    assert "\n" not in message


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(LINNERUD.read_text().replace("owner:", "ownr:").replace("10 #", "100 #"))
    with pytest.raises(ConfigError) as raised:
        load_model(path)
    assert len(str(raised.value).splitlines()) == 3  # ownr, owner, challenger_share


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "\x00", "start_date: 2026-02-30"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"^broken\.yaml: "):
        load_model(tmp_path / "broken.yaml")


def test_a_broken_model_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "linnerud.yaml").write_text(LINNERUD.read_text())
    (tmp_path / "broken.yaml").write_text("model: broken")
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud"]
    assert len(found.errors) == 1
    assert load_models(tmp_path, only="linnerud").errors == []


def test_an_unreadable_file_is_an_error_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (error,) = load_models(tmp_path).errors
    assert str(error).startswith("gone.yaml: ")


def test_an_endpoint_belongs_to_one_model(tmp_path: Path) -> None:
    text = LINNERUD.read_text()
    (tmp_path / "linnerud.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(text.replace("model: linnerud", "model: other"))
    found = load_models(tmp_path)
    assert [config.model for config in found.configs] == ["linnerud"]
    (error,) = found.errors
    assert "'linnerud' is the endpoint of linnerud.yaml; name another one" in str(error)


def test_a_bq_prefix_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "linnerud.yaml"
    path.write_text(LINNERUD.read_text().replace("linnerud.measurements", "bq://my-project.d.t"))
    assert load_model(path).source.table == "my-project.d.t"
