"""Lineage: the datasets of each task, and their way to OpenLineage."""

from datetime import timedelta
from typing import Any

import attr
import pytest
from openlineage.client import facet_v2
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_new_uuid

from tests.openlineage_schema import validate
from tests.titleholder.metrics.test_metrics import BETTER
from tests.titleholder.operators.test_failing import CONFIG
from tests.titleholder.rollout.scenes import ALONE, EMPTY, END, LEFT, PAIR, WEEK, candidate
from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.config.duel import Duel
from titleholder.data_intervals import Interval
from titleholder.freshness import Coverage, Finding, FreshnessState
from titleholder.lineage.dataset import Lineage, endpoint, model_version
from titleholder.lineage.openlineage import CLASSES, to_operator_lineage
from titleholder.lineage.tasks import (
    ModelNames,
    evaluation_lineage,
    source_lineage,
    traffic_lineage,
    training_lineage,
)
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.rollout.intents import RollBack
from titleholder.rollout.view import View

NAMES = ModelNames("p", "l", "p.d.t", "at", "p.titleholder.events")
INTERVAL = Interval(END - WEEK, END)
CHAMPION, CHALLENGER = (
    RegisteredModel(str(n), f"m1@{n}", "gs://b/m", "", f"2026-11-0{n}T03:00:00Z") for n in (1, 2)
)
CHECKED = source_lineage(
    NAMES,
    INTERVAL,
    Finding(FreshnessState.STALE, "late"),
    timedelta(hours=6),
    [("at", "TIMESTAMP"), ("x", "FLOAT")],
    Coverage(3, None, 0, 1, 0),
)
TRAINED = training_lineage(NAMES, INTERVAL, 81.5, 80, "gs://b/root/m/")
EVALUATED = evaluation_lineage(
    NAMES,
    ModelPair(CHAMPION, CHALLENGER),
    Duel(loss="absolute", target="y"),
    END,
    {"rows": 1040.0, "rows_labelled": 1000.0},
    BETTER,
    0.0,
)


def edges(lineage: Lineage) -> tuple[list[str], list[str]]:
    """The names of inputs and outputs, with their namespaces."""
    inputs, outputs = (
        [f"{one.namespace}:{one.name}" for one in datasets]
        for datasets in (lineage.inputs, lineage.outputs)
    )
    return inputs, outputs


def event(lineage: Lineage) -> dict[str, Any]:
    """A complete event with this lineage, as the listener makes it."""
    found = to_operator_lineage(lineage)
    made = RunEvent(
        eventTime=END.isoformat(),
        eventType=RunState.COMPLETE,
        run=Run(str(generate_new_uuid()), facets=found.run_facets),
        job=Job("tests", "a.b"),
        inputs=found.inputs,
        outputs=found.outputs,
    )
    return Serde.to_dict(made)


def test_every_facet_is_of_the_standard() -> None:
    traffic = traffic_lineage(NAMES, RollBack("1"), PAIR)
    keys: set[str] = set()
    for lineage in (CHECKED, TRAINED, EVALUATED, traffic):
        made = event(lineage)
        validate(made)
        keys |= made["run"]["facets"].keys()
        for one in (*made["inputs"], *made["outputs"]):
            keys |= one["facets"].keys() | one.get("inputFacets", {}).keys()
    assert keys == CLASSES.keys()


def test_the_edges_of_a_training_and_an_evaluation() -> None:
    assert edges(TRAINED) == (["bigquery:p.d.t"], ["gs://b:root/m"])
    assert edges(training_lineage(NAMES, INTERVAL, 1, 80, None)) == (["bigquery:p.d.t"], [])
    models = ["vertex_ai:model:p.l.m1.1", "vertex_ai:model:p.l.m1.2"]
    assert edges(EVALUATED) == (["bigquery:p.d.t", *models], ["bigquery:p.titleholder.events"])
    window = EVALUATED.inputs[0].input_facets["subset"]["inputCondition"]
    assert window["left"]["right"]["value"] == "2026-11-02T03:00:00Z", "trained on by neither"
    metrics = EVALUATED.inputs[0].input_facets["dataQualityMetrics"]
    assert metrics == {"rowCount": 1040, "columnMetrics": {"y": {"nullCount": 40}}}


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"rows": "many", "rows_labelled": 1},
        {"rows": float("nan"), "rows_labelled": 1.0},
        {"rows": float("inf"), "rows_labelled": 1.0},
        {"rows": 1, "rows_labelled": 2},
    ],
)
def test_counts_that_are_none_are_left_out(evidence: dict[str, Any]) -> None:
    pair, duel = ModelPair(CHAMPION, CHALLENGER), Duel(loss="absolute", target="y")
    found = evaluation_lineage(NAMES, pair, duel, END, evidence, BETTER, 0.0)
    assert found.inputs[0].input_facets.keys() == {"subset"}


def test_the_edges_of_a_change_of_traffic() -> None:
    ours = "custom:vertex_ai_endpoint:p.l.e"
    nine, ten = "vertex_ai:model:p.l.m1.9", "vertex_ai:model:p.l.m1.10"
    assert edges(traffic_lineage(NAMES, RollBack("1"), PAIR)) == ([nine, ten], [ours])
    assert edges(traffic_lineage(NAMES, RollBack("1"), LEFT)) == ([nine], [ours])
    # A training run: deployed, only registered, nothing registered.
    assert edges(traffic_lineage(NAMES, candidate(0), PAIR)) == (["gs://b:m"], [ten, ours])
    assert edges(traffic_lineage(NAMES, candidate(0), ALONE)) == (["gs://b:m"], [ten])
    assert edges(traffic_lineage(NAMES, candidate(9), EMPTY)) == ([], [])
    assert edges(traffic_lineage(NAMES, candidate(0), View("m1", None))) == ([], [])


def test_names_with_reserved_characters_are_quoted() -> None:
    assert model_version("example.com:p", "l", "m@3").name == "model:`example.com:p`.l.m.3"
    name = "projects/1/locations/l/endpoints/e"
    assert endpoint("p", "l", name).name == "vertex_ai_endpoint:p.l.e"


def test_a_facet_that_the_client_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(facet_v2, "lineage")
    monkeypatch.delattr(facet_v2.test_run, "TestRunFacet")
    traffic = event(traffic_lineage(NAMES, RollBack("1"), PAIR))
    assert traffic["outputs"][0]["facets"].keys() == {"datasetType"}
    assert event(TRAINED)["run"]["facets"] == {}


def test_a_facet_without_a_field_in_the_client_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    @attr.define
    class OlderFacet(facet_v2.RunFacet):
        """A facet without `tests`."""

    monkeypatch.setattr(facet_v2.test_run, "TestRunFacet", OlderFacet)
    made = event(TRAINED)
    assert made["run"]["facets"] == {}
    assert [one["name"] for one in made["inputs"]] == ["p.d.t"], "the rest is there"


def test_lineage_that_cannot_be_made_fails_no_task(capsys: pytest.CaptureFixture[str]) -> None:
    task = CheckFreshnessOperator(task_id="t", config=CONFIG)
    task.keep_lineage(lambda names: Lineage(names.no_such_name))  # type: ignore[attr-defined]
    assert "the lineage is not known" in capsys.readouterr().out
    assert task.get_openlineage_facets_on_complete(None).inputs == []
