"""Model files for tests: the example, invalid values of its keys, and a file that extends it."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

LINNERUD = Path(__file__).parents[3] / "dags" / "models" / "linnerud.yaml"

# A key, an invalid value (...: the key is missing), and a part of the error message.
INVALID: list[tuple[str, object, str]] = [
    ("sourc", {}, "sourc: is not a key; did you mean source?"),
    ("rollout.guardrails.metric", {}, "guardrails.metric: is not a key; did you mean metrics?"),
    (
        "rollout.steps",
        [{"traffic_percentage": 5, "bakes": "2d"}],
        "rollout.steps.0.bakes: is not a key; did you mean bake?",
    ),
    ("source.freshness.poke_every", "5m", "poke_every: is not a key; did you mean poke_interval?"),
    ("rollout.share", 10, "rollout.share: is not a key; remove it or mend its spelling"),
    ("source.table", ..., "source.table: is missing; add it"),
    ("gate", ..., "gate: is missing; add it"),
    ("rollout.traffic_percentage", 0, "rollout.traffic_percentage: is 0; "),
    ("rollout.traffic_percentage", 100, "rollout.traffic_percentage: is 100; write 99 or less"),
    ("rollout.traffic_percentage", 12.5, "traffic_percentage: is 12.5; write a whole number"),
    ("schedule", "every monday", "write five cron fields in UTC"),
    ("schedule", "0 25 * * 1", "schedule: is '0 25 * * 1'; write five cron fields"),
    ("schedule", ["orders"], "such as '0 3 * * 1' for Mondays at 03:00, or {cron: '0 3 * * 1', a"),
    ("schedule", {"assets": ["orders"]}, "schedule.cron: is missing; add it"),
    ("schedule.cron", "weekly", "schedule.cron: is 'weekly'; write five cron fields in UTC"),
    (
        "schedule",
        {"cron": "0 3 * * 1", "asset": ["orders"]},
        "schedule.asset: is not a key; did you mean assets?",
    ),
    ("schedule", {"cron": "0 3 * * 1", "or_time": True}, "has or_time and no assets"),
    (
        "schedule",
        {"cron": "0 3 * * 1", "assets": ["gs://bucket/folder/"]},
        "schedule.assets.0: is 'gs://bucket/folder/'; write the URI without / at its end",
    ),
    (
        "schedule",
        {"cron": "0 3 * * 1", "assets": [" "]},
        "assets.0: is ' '; write the name or the URI",
    ),
    ("source.table", "measurements", "write dataset.table or project.dataset.table"),
    ("source.table", "a.b.c.d", "source.table: is 'a.b.c.d'; "),
    ("source.table", "d.t` UNION ALL SELECT 1 --", "as BigQuery names them"),
    ("source.timestamp", "a) OR (1=1", "write the name of one column"),
    ("source.freshness.timeout", "soon", "write a number and a unit, such as 90m, 6h or 7d"),
    ("source.freshness.timeout", "0h", "source.freshness.timeout: is '0h'; write more than 0"),
    ("source.freshness.warn_after", "48h", "write one that is not longer than error_after"),
    ("gate.min_score", float("nan"), "gate.min_score: is nan; write a number"),
    ("gate.min_score", "good", "gate.min_score: is 'good'; write a number"),
    ("pipeline.template", "../secrets.yaml", "pipeline.template: "),
    ("model", "Linnerud", "model: is 'Linnerud'; write 2 to 30 lowercase letters, digits"),
    ("owner", None, "owner: is empty; write text"),
    ("owner", "", "owner: is ''; write 1 or more characters"),
    ("owner", True, "owner: is True; write text, in quotes where YAML reads something else"),
    ("source", "a.b", "source: is 'a.b'; write its keys below it, indented"),
    ("tags", "a", "tags: is 'a'; write a list, such as [a, b]"),
    ("labels", ["a"], "labels: is ['a']; write keys with their values below it"),
    ("labels", {"Team": "a"}, "labels: has the key 'Team'; write 1 to 63 lowercase letters"),
    ("labels", {"champion": "a", "team": "b"}, "labels: sets champion, which titleholder writes"),
    ("labels", {"score": "a", "sha256": "b"}, "labels: sets score, sha256, which titleholder"),
    ("labels", {1: "a"}, "labels: has the key 1; write text, in quotes"),
    ("labels", {"team": "A B"}, "labels.team: is 'A B'; write 1 to 63 lowercase letters"),
    ("endpoint.create", "true", "endpoint.create: is 'true'; write true or false"),
    ("endpoint.replicas", 1, "endpoint.replicas: is not a key; did you mean min_replicas?"),
    ("endpoint.min_replicas", True, "endpoint.min_replicas: is True; write a whole number"),
    ("endpoint.min_replicas", 0, "endpoint.min_replicas: is 0; write 1 or more"),
    ("endpoint.max_replicas", "2", "endpoint.max_replicas: is '2'; write a whole number"),
    (
        "endpoint",
        {"display_name": "a", "min_replicas": 2, "max_replicas": 1},
        "endpoint: has max_replicas 1 below min_replicas 2; write at least 2",
    ),
    (
        "endpoint",
        {"display_name": "a", "max_replicas": 2, "autoscaling": {"accelerator_duty_cycle": 60}},
        "endpoint: has autoscaling by accelerator_duty_cycle and no accelerator; write accelerator",
    ),
    (
        "endpoint",
        {
            "display_name": "a",
            "dedicated": True,
            "private_service_connect": {"projects": ["my-project"]},
        },
        "endpoint: has dedicated and private_service_connect; remove one of them",
    ),
    ("endpoint.autoscaling", {}, "endpoint.autoscaling: has no target; write cpu_utilization"),
    (
        "endpoint.autoscaling",
        {"cpu_utilization": 60},
        "endpoint: has autoscaling and as many max_replicas as min_replicas, 1; write more max",
    ),
    (
        "endpoint.autoscaling",
        {"cpu_utilization": 101},
        "endpoint.autoscaling.cpu_utilization: is 101; write 100 or less",
    ),
    (
        "endpoint.autoscaling",
        {"request_count": 0},
        "endpoint.autoscaling.request_count: is 0; write 1 or more",
    ),
    ("endpoint.accelerator", {"type": "L4"}, "endpoint.accelerator.type: is 'L4'; write 'NVIDIA_"),
    (
        "endpoint.accelerator",
        {"type": "NVIDIA_L4", "count": 0},
        "endpoint.accelerator.count: is 0; write 1 or more",
    ),
    ("endpoint.private_service_connect", {"projects": []}, "has no projects, so that nothing can"),
    (
        "endpoint.private_service_connect",
        {"projects": ["A"]},
        "endpoint.private_service_connect.projects.0: is 'A'; write the id of a project, such as",
    ),
    ("endpoint.display_name", 'a" OR "', "write 1 to 128 characters, no quotation mark"),
    ("endpoint.create", "maybe", "endpoint.create: is 'maybe'; write true or false"),
    ("endpoint.machine_type", "big", "is 'big'; write a machine type of Google's, such as"),
    ("start_date", "soon", "start_date: is 'soon'; write a date, such as 2026-08-03"),
    ("model", "m" * 31, "model: is 'mmmm"),
    ("schedule", "0 0 30 2 *", "write five cron fields"),
    ("schedule", "R R * * *", "write five cron fields"),
    ("start_date", "0001-01-01", "write a date between 2000 and 2100"),
    ("tags", ["x" * 101], "tags.0: is 'xxx"),
    ("source.freshness.timeout", "400d", "write at most a year"),
    ("source.freshness.timeout", "99999999999d", "write at most a year"),
    ("pipeline.parameters", {"since": date(2026, 1, 1)}, "quote a date"),
    ("pipeline.parameters", {"rate": float("nan")}, "write rate as a string, number"),
    (
        "pipeline.parameters",
        {"project": "x", "location": "y", "rate": 1},
        "pipeline.parameters: sets location, project, which every run gets by itself; remove",
    ),
    ("duel.target", ..., "duel.target: is missing; add it"),
    ("duel.target", "weight_kg", "duel: has the target 'weight_kg', which is no target column"),
    (
        "duel.target_columns",
        ["a"],
        "has the target 'chins', which is no target column; write o",
    ),
    (
        "duel.feature_columns",
        ["a b"],
        "duel.feature_columns.0: is 'a b'; write the name of one",
    ),
    ("pipeline.parameters", {}, "duel: has no feature_columns, and pipeline.parameters has no"),
    (
        "pipeline.parameters.feature_columns",
        "text",
        "pipeline.parameters.feature_columns: is 'text', and the duel takes its columns from it; "
        "write a list of columns, such as [a, b], or write duel.feature_columns, too",
    ),
    ("pipeline.parameters.target_columns", ["a b"], "target_columns: is ['a b'], and the duel t"),
    ("duel.feature_columns", "text", "duel.feature_columns: is 'text'; write a list, such as [a"),
    ("duel.loss", "log loss", "duel.loss: is 'log loss'; write 'absolute', 'squared', 'l"),
    ("duel.alpha", 0.6, "duel.alpha: is 0.6; write 0.25 or less"),
    ("duel.rollback_alpha", 0, "duel.rollback_alpha: is 0; write more than 0"),
    ("duel.design", "pocock", "duel.design: is 'pocock'; write 'group_sequential' or 'confidence"),
    ("duel.margin", float("inf"), "duel.margin: is inf; write a number"),
    ("duel.min_rows", 1, "duel.min_rows: is 1; write 2 or more"),
    ("duel.max_rows_per_day", 1, "duel.max_rows_per_day: is 1; write 2 or more"),
    (
        "duel.max_rows_per_day",
        17,
        "duel: has a max_rows_per_day of 17, which is 493 rows in max_duration, fewer than min_rows"
        " 500; write at least 18",
    ),
    ("duel.cluster_column", "a b", "duel.cluster_column: is 'a b'; write the name of one"),
    (
        "duel.cluster_column",
        "jumps",
        "duel: has the cluster_column 'jumps', which is a target column; write the column of what",
    ),
    ("duel.min_duration", "30d", "has a min_duration that is not shorter than max_duration; w"),
    ("duel.schedule", "daily", "duel.schedule: is 'daily'; write five cron fields in UTC"),
    ("duel.promote", "x", "duel.promote: is not a key; remove it or mend its spelling"),
    (
        "rollout.promotion",
        "maybe",
        "rollout.promotion: is 'maybe'; write 'automatic', 'approval' or 'manual'",
    ),
    ("alerts.connection", "a b", "alerts.connection: is 'a b'; write 1 to 200 letters, digits"),
    ("alerts.email", "a@b.com", "alerts.email: is 'a@b.com'; write a list, such as [a, b]"),
    ("alerts.email", ["a b@c.com"], "alerts.email.0: is 'a b@c.com'; write one address, such"),
    ("alerts.email", ["a@b.com, c@d.com"], "alerts.email.0: is 'a@b.com, c@d.com'; write on"),
    (
        "alerts.notify_on_backfill",
        "loud",
        "alerts.notify_on_backfill: is 'loud'; write true or false",
    ),
    ("alerts.late_after", "late", "alerts.late_after: is 'late'; write a number and a unit"),
    ("rollout.on_new_challenger", "x", "is 'x'; write 'replace' or 'keep_current'"),
    (
        "rollout.steps",
        [10, 5],
        "rollout: has the steps [10, 5], which do not rise; write great",
    ),
    (
        "rollout.steps",
        [5, 25],
        "rollout: has the traffic_percentage 10 and steps from 5; write o",
    ),
    ("rollout.steps", ["x"], "rollout.steps.0: is 'x'; write a percentage such as 10, or {tr"),
    (
        "rollout.steps",
        [{"traffic_percentage": 0}],
        "rollout.steps.0.traffic_percentage: is 0; write 1 or more",
    ),
    (
        "rollout.steps",
        [{"traffic_percentage": 9, "bake": 2}],
        "rollout.steps.0.bake: is 2; write a number and",
    ),
    ("model", "other", "name it 'linnerud' as its file"),
    (
        "rollout",
        {"promotion": "approval", "approval_timeout": "24h"},
        "duel: has a schedule with 24 h between two runs, and rollout.approval_timeout is 24 h; w",
    ),
    (
        "rollout.guardrails",
        {"traffic_split_check": False},
        "rollout.guardrails: has nothing to check; write metrics, or leave the section out",
    ),
    (
        "rollout.guardrails",
        {"metrics": {"table": "ops.serving"}},
        "rollout.guardrails.metrics: has no limit; write max_error_rate, max_error_rate_increase",
    ),
    (
        "rollout.guardrails",
        {"metrics": {"table": "ops.serving", "max_error_rate": 5}},
        "rollout.guardrails.metrics.max_error_rate: is 5; write 1.0 or less",
    ),
    ("watch.window", "36h", "watch: has a window that is no number of whole days, at least 2"),
    ("watch.window", "1d", "watch: has a window that is no number of whole days, at least 2"),
    ("watch.min_rows", 1, "watch.min_rows: is 1; write 2 or more"),
    ("watch.season", "weekly", "has the season weekly and 14 reference_days, too few for a"),
    ("watch.season", "daily", "watch.season: is 'daily'; write"),
    ("watch.min_increase", float("nan"), "watch.min_increase: is nan; write a number"),
    ("watch.days_per_false_alarm", 7, "watch.days_per_false_alarm: is 7; write 30 or more"),
    ("watch.retrain_on", [], "watch: has an empty retrain_on; write [schedule]"),
    ("watch", {"retrain_on": ["drift"]}, "has drift in retrain_on and no limit of data drift"),
    (
        "watch",
        {"retrain_on": ["schedule", "drift"], "drift": {"columns": ["waist_cm"]}},
        "has drift in retrain_on and no limit of data drift, without which nothing drifts",
    ),
    ("watch.drift", {"limits": {"waist_cm": 0}}, "watch.drift.limits.waist_cm: is 0; write more"),
    ("watch.drift", {"limits": {"a b": 0.2}}, "write the name of a column, or prediction.TARGET"),
    ("watch.drift", {"limit": {}}, "watch.drift.limit: is not a key; did you mean limits?"),
    ("watch.on_decay", "rollback", "watch.on_decay: is 'rollback'; write"),
]

ODD_VALUES = (
    *(None, [], {}, "", "x y", "é" * 3000, 0, -1, 1.5, 10**30, True, float("nan")),
    *(date(2026, 1, 1), {"A B": 1}, {1: "x"}, ["", 3], [{}], datetime(2026, 1, 1, 5)),
)

STAGING = """
model: staging
extends: linnerud
endpoint: {display_name: linnerud-staging}
pipeline: {parameters: {key_column: person}}
rollout: {traffic_percentage: 50}
tags: [staging]
duel:
watch:
"""


_LINNERUD = yaml.safe_load(LINNERUD.read_text())


def written(raw: object) -> str:
    """As YAML, by libyaml, which takes a tenth of the time."""
    text: str = yaml.dump(raw, Dumper=yaml.CSafeDumper, allow_unicode=True)
    return text


def changed(key: str, value: object, **sections: dict[str, Any]) -> dict[str, Any]:
    """The keys of linnerud.yaml with more keys in its sections, and one changed or, for ...,
    removed."""
    raw = deepcopy(_LINNERUD)
    for name, more in sections.items():
        raw[name] |= more
    *parents, last = key.split(".")
    section = raw
    for parent in parents:
        if parent == "schedule":  # written as text
            section[parent] = {"cron": section[parent]}
        section = section.setdefault(parent, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return raw


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        # An optional section is a union with None.
        for part in get_args(field.annotation) or (field.annotation,):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys(part, f"{above}{name}.")


def write_staging(folder: Path, text: str = STAGING) -> Path:
    (folder / "linnerud.yaml").write_text(LINNERUD.read_text())
    path = folder / "staging.yaml"
    path.write_text(text)
    return path
