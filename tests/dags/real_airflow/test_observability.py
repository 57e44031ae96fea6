"""Metrics and lineage of a real scheduler's tasks: what arrives at a StatsD server, and in the file
of OpenLineage's file transport."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.real_airflow.client import WEEK, Airflow, restart_scheduler
from tests.openlineage_schema import validate
from tests.statsd_sink import StatsdSink, statsd_sink

SETTINGS = """
[metrics]
statsd_on = True
statsd_host = 127.0.0.1
statsd_port = {port}

[openlineage]
transport = {{"type": "file", "log_file_path": "{path}"}}
"""


@dataclass(frozen=True)
class Observed:
    """Where metrics and lineage arrive."""

    statsd: StatsdSink
    folder: Path

    def events(self) -> list[dict[str, Any]]:
        """The lineage so far: the transport writes a file for each event."""
        return [json.loads(one.read_text()) for one in self.folder.glob("*.json")]


@pytest.fixture(scope="module")
def observed(
    airflow: Airflow,
    sandbox: Sandbox,
    airflow_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Observed]:
    """A scheduler whose tasks send metrics and lineage."""
    folder = tmp_path_factory.mktemp("lineage")
    with statsd_sink() as statsd:
        settings = SETTINGS.format(port=statsd.port, path=folder / "event")
        restart_scheduler(sandbox, airflow_environ, settings)
        try:
            yield Observed(statsd, folder)
        finally:
            restart_scheduler(sandbox, airflow_environ)


def test_metrics_and_lineage(
    model: Callable[..., Model],
    contested: Callable[..., Model],
    observed: Observed,
    airflow: Airflow,
    google: Google,
) -> None:
    trained, weak, empty = model(), model(gate__min_score=95), model()
    compared = contested(duel={"feature_columns": ["worse"]})
    for one, minutes in ((trained, -5), (weak, -5), (empty, 1)):
        one.load(WEEK.end + timedelta(minutes=minutes), rows=3)
    runs = [(trained, "train"), (weak, "train"), (empty, "train"), (compared, "rollout")]
    for one, kind in runs:
        airflow.start(f"{one.name}__{kind}")
    for one, kind in runs:
        airflow.run(f"{one.name}__{kind}", "failed" if one is empty else "success")

    def number(of: Model, metric: str) -> float | None:
        return observed.statsd.number(f"airflow.titleholder.{of.name}.{metric}")

    assert number(trained, "freshness_lag_seconds") == 300
    assert (number(trained, "score"), number(trained, "min_score")) == (90, 50)
    for one in (trained, compared):
        roles = [
            number(one, f"{metric}.{role}")
            for role in ("champion", "challenger")
            for metric in ("traffic_percentage", "version")
        ]
        assert roles == [100, 1, 0, 0], "the challenger that is worse has gone"
    first = observed.statsd.values[
        f"airflow.titleholder.{compared.name}.traffic_percentage.challenger"
    ][0]
    assert first == "10|g"
    assert 0 <= (number(compared, "champion_age_days") or 0) < 1
    assert (number(compared, "verdict_estimate"), number(compared, "verdict_rows")) == (-0.5, 1000)
    low, high = number(compared, "verdict_low"), number(compared, "verdict_high")
    assert low is not None
    assert high is not None
    assert low < -0.5 < high < 0
    assert number(compared, "verdict_version") == 2
    assert number(weak, "refusals.quality_gate") == 1
    assert number(empty, "refusals.freshness") == 1
    for one in (trained, compared):
        assert not [name for name in observed.statsd.values if f"{one.name}.refusals" in name]

    def of_task(one: Model, kind: str, task: str) -> dict[str, Any]:
        """The last event of a task, once it is there: the listener's process may outlive it."""
        name = f"{one.name}__{kind}.{task}"
        (event,) = airflow.wait(
            f"lineage of {name}",
            lambda: [
                event
                for event in observed.events()
                if event["job"]["name"] == name and event["eventType"] in ("COMPLETE", "FAIL")
            ],
        )
        validate(event)
        return event

    def named(datasets: list[dict[str, Any]]) -> list[str]:
        return [f"{one['namespace']}:{one['name']}" for one in datasets]

    project = google.parent.split("/")[1]
    place = f"{project}.{google.parent.rpartition('/')[2]}"

    checked = of_task(trained, "train", "check_freshness")
    (source,) = checked["inputs"]
    assert named([source]) == [f"bigquery:{project}.tests.{trained.name}"]
    assert source["facets"]["schema"]["fields"] == [{"name": "measured_at", "type": "TIMESTAMP"}]
    facets = source["inputFacets"]
    assert facets["dataQualityMetrics"]["rowCount"] == 3
    assert facets["dataQualityAssertions"]["assertions"][0]["success"]
    condition = facets["subset"]["inputCondition"]
    bounds = [
        (condition[side]["comparison"], condition[side]["right"]["value"])
        for side in ("left", "right")
    ]
    assert bounds == [
        ("GREATER_EQUAL_THAN", f"{WEEK.start:%Y-%m-%dT%H:%M:%SZ}"),
        ("LESS_THAN", f"{WEEK.end:%Y-%m-%dT%H:%M:%SZ}"),
    ]
    failed = of_task(empty, "train", "check_freshness")
    assert failed["eventType"] == "FAIL"
    (assertion,) = failed["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["success"], assertion["params"]["state"]) == (False, "empty")

    made = of_task(trained, "train", "wait_for_pipeline")
    assert named(made["inputs"]) == named([source])
    (folder,) = named(made["outputs"])
    assert folder.startswith(f"gs://{project}-titleholder:pipelines/")
    assert made["run"]["facets"]["test"]["tests"][0]["status"] == "pass"
    refused = of_task(weak, "train", "wait_for_pipeline")
    assert refused["outputs"] == []
    assert refused["run"]["facets"]["test"]["tests"][0]["status"] == "fail"

    deployed = of_task(trained, "train", "update_traffic")
    version = f"vertex_ai:model:{place}.{trained.name}.1"
    endpoint = f"custom:vertex_ai_endpoint:{place}.{trained.name}"
    assert named(deployed["inputs"]) == [folder]
    assert named(deployed["outputs"]) == [version, endpoint]
    assert named(deployed["outputs"][1]["facets"]["lineage"]["inputs"]) == [version]

    evaluated = of_task(compared, "rollout", "decide")
    champion, challenger = (f"vertex_ai:model:{place}.{compared.name}.{n}" for n in (1, 2))
    assert named(evaluated["inputs"])[1:] == [champion, challenger]
    assert named(evaluated["outputs"]) == [f"bigquery:{project}.titleholder.events"]
    rows = evaluated["inputs"][0]["inputFacets"]["dataQualityMetrics"]
    assert (rows["rowCount"], rows["columnMetrics"]) == (1000, {"y": {"nullCount": 0}})
    (verdict,) = evaluated["inputs"][2]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (verdict["assertion"], verdict["success"]) == ("superiority", False)
    assert verdict["params"]["outcome"] == "rollback"
    assert (verdict["params"]["low"], verdict["params"]["high"]) == pytest.approx((low, high))
    rolled_back = of_task(compared, "rollout", "update_traffic")
    assert named(rolled_back["inputs"]) == [champion], "the challenger has no traffic any more"
