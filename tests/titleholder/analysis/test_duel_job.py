import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from titleholder.analysis.duel_job import (
    DuelJob,
    duel_images,
    duel_parameters,
    duel_result,
    parse_evidence,
)
from titleholder.analysis.evaluate import (
    DuelResult,
    Evaluation,
    evaluate,
    evaluation_context,
    policy_of,
)
from titleholder.analysis.guardrails import LiveObservations
from titleholder.analysis.limits import ArmMetrics
from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.analysis.verdict import Outcome
from titleholder.config.duel import Duel
from titleholder.config.loader import load_model
from titleholder.config.model import ModelConfig
from titleholder.errors import ManualActionRequired, PipelineError
from titleholder.events.event import Event
from titleholder.pipelines.contract import Artifact, Job, Task
from titleholder.pipelines.templates import with_images
from titleholder.rollout.intents import RollBack
from titleholder.rollout.roles import Roles, role_labels
from titleholder.rollout.view import DeployedModel, View

ROOT = Path(__file__).parents[3]
CONFIG = load_model(ROOT / "dags" / "models" / "linnerud.yaml")
NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
PAIR = ModelPair(
    RegisteredModel("1", "linnerud@1", "gs://b/1", "1" * 64, "2026-11-09T03:00:00Z"),
    RegisteredModel("2", "linnerud@2", "gs://b/2", "2" * 64, "2026-11-16T03:00:00Z"),
)
ENVIRONMENT = {"project": "p", "location": "l", "source_table": "p.d.t", "artifact_root": "gs://b"}
RAW = {
    "loss": "absolute",
    "primary_target": "chins",
    "n": 2000,
    "mean": 0.5,
    "variance": 1.0,
    "skewness": 0.0,
    "smallest": -3.0,
    "largest": 4.0,
    "coverage": 1.0,
    "champion_rows": 2000,
    "challenger_rows": 2000,
    "rows": 2000,
    "rows_compared": 2000,
    "rows_labelled": 2000,
    "rows_skipped": 0,
    "champion_invalid_predictions": 0,
    "challenger_invalid_predictions": 0,
    "targets": {"chins": {"n": 2000, "rows_labelled": 2000}},
    "last_row": "2026-11-19T23:00:00Z",
    "days": [
        {"day": "2026-11-18", "n": 1999, "mean": 0.5, "variance": 1.0},
        {"day": "2026-11-19", "n": 1, "mean": 0.5, "variance": None},
    ],
    "champion": {"uri": "gs://b/1", "sha256": "1" * 64},
    "challenger": {"uri": "gs://b/2", "sha256": "2" * 64},
}


def duel() -> Duel:
    assert CONFIG.duel is not None
    return CONFIG.duel


def test_the_parameters_are_those_of_the_template() -> None:
    parameters = duel_parameters(CONFIG, duel(), ENVIRONMENT, PAIR, NOW)
    spec = yaml.safe_load((ROOT / "pipeline" / "compiled" / "duel.yaml").read_text())
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters.keys() <= declared.keys()
    assert {
        name for name, one in declared.items() if not one.get("isOptional")
    } <= parameters.keys()
    fewer = duel().model_copy(update={"cluster_column": "person", "max_rows_per_day": 1000})
    more = duel_parameters(CONFIG, fewer, ENVIRONMENT, PAIR, NOW)
    assert more == parameters | {"cluster_column": "person", "max_rows_per_day": 1000}
    assert more.keys() <= declared.keys()
    assert parameters["labels_until"] == "2026-11-19T23:00:00Z", "six hours before"
    assert parameters["challenger_sha256"] == "2" * 64
    assert parameters["champion_data_interval_end"] == "2026-11-09T03:00:00Z"


def test_each_model_is_scored_in_the_image_that_serves_it() -> None:
    champion, challenger = "l-docker.pkg.dev/p/r/model:1", "l-docker.pkg.dev/p/r/boosting:2"
    pair = ModelPair(
        replace(PAIR.champion, image=champion), replace(PAIR.challenger, image=challenger)
    )
    images = {"score-champion": champion, "score-challenger": challenger}
    assert duel_images(pair) == images
    compiled = (ROOT / "pipeline" / "compiled" / "duel.yaml").read_text()
    spec = yaml.safe_load(compiled)
    changed = with_images(spec, images)
    assert spec == yaml.safe_load(compiled)
    executors, before = (one["deploymentSpec"]["executors"] for one in (changed, spec))
    for label, executor in before.items():
        expected = executor["container"]["image"]
        if label.startswith("exec-score"):
            parameters = _task_of(spec, label)["inputs"]["parameters"]
            expected = images[f"score-{parameters['role']['runtimeValue']['constant']}"]
        assert executors[label] == {"container": executor["container"] | {"image": expected}}, label


def _task_of(spec: dict[str, Any], executor: str) -> dict[str, Any]:
    """The task that the executor runs."""
    (task,) = (
        task
        for task in spec["root"]["dag"]["tasks"].values()
        if spec["components"][task["componentRef"]["name"]]["executorLabel"] == executor
    )
    return task


@pytest.mark.parametrize(
    "image", ["", "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"]
)
def test_a_model_of_a_prebuilt_container_is_scored_in_the_image_of_the_template(image: str) -> None:
    pair = ModelPair(replace(PAIR.champion, image=image), replace(PAIR.challenger, image="a/b:1"))
    assert duel_images(pair) == {"score-challenger": "a/b:1"}


def test_a_template_without_such_tasks_is_not_changed() -> None:
    tasks = {"compare": {"componentRef": {"name": "comp-compare"}, "taskInfo": {"name": "compare"}}}
    for spec in ({"root": {}}, {"root": {"dag": {"tasks": tasks}}}):
        assert with_images(spec, {"score-champion": "a/b:1"}) == spec


def test_the_job_name_has_the_pair_and_the_time() -> None:
    run = DuelJob("linnerud", "2990322000", "2991330000", NOW)
    assert run.name == "linnerud-duel-2990322000-2991330000-20261120t0500-g0"
    assert run.next_generation().name.endswith("-g1")
    assert len(replace(run, model="m" * 30, champion="9" * 19, challenger="8" * 19).name) <= 128
    with pytest.raises(ManualActionRequired):
        replace(run, generation=99).next_generation()


def test_evidence_is_parsed_and_invalid_values_become_nan() -> None:
    found = parse_evidence(RAW, PAIR, NOW)
    assert (found.champion, found.challenger, found.n, found.mean) == ("1", "2", 2000, 0.5)
    assert found.newest == datetime(2026, 11, 19, 23, tzinfo=UTC)
    for name in ("mean", "variance", "smallest", "n", "coverage"):
        broken = parse_evidence({**RAW, name: None}, PAIR, NOW)
        assert math.isnan(getattr(broken, name))
    other = parse_evidence({**RAW, "challenger": {"sha256": "3" * 64}}, PAIR, NOW)
    assert other.challenger != "2"
    assert parse_evidence({}, PAIR, NOW).newest is None


def test_a_job_without_evidence_is_an_error() -> None:
    report = Artifact("gs://b/report", {"evidence": RAW})
    job = Job("j", "SUCCEEDED", NOW, tasks=(Task("compare", "SUCCEEDED", "", {"report": report}),))
    assert duel_result(job) == (RAW, "gs://b/report")
    for tasks in ((), (replace(job.tasks[0], artifacts={"report": Artifact("", {})}),)):
        with pytest.raises(PipelineError, match="j is no duel: its task 'compare' has no artifact"):
            duel_result(replace(job, tasks=tasks))


# The evidence on the first days after a training.
NO_ROWS: dict[str, object] = dict.fromkeys(("mean", "variance", "smallest", "largest", "last_row"))
NO_ROWS |= dict.fromkeys(("n", "rows", "rows_compared", "rows_labelled", "coverage"), 0)
NO_ROWS |= dict.fromkeys(("champion_rows", "challenger_rows"), 0)
NO_ROWS |= {"targets": {"chins": {"n": 0, "rows_labelled": 0}}}


def invalid_on(rows: int) -> dict[str, object]:
    """Additional rows on which only the challenger gives no valid prediction."""
    return {
        **dict.fromkeys(("rows", "rows_labelled", "champion_rows"), 2000 + rows),
        "challenger_invalid_predictions": rows,
        "targets": {},
    }


NOTHING = LiveObservations()
VIEW = View(
    "linnerud",
    "e",
    deployed_models=(
        DeployedModel("1", "", "linnerud@1", 90),
        DeployedModel("2", "", "linnerud@2", 10),
    ),
    labels=role_labels(Roles("1", "2"), {"1": 90, "2": 10}, "deploy_challenger-1"),
    updated=NOW - timedelta(days=2),
)


def evaluated(
    result: DuelResult,
    view: View = VIEW,
    config: ModelConfig = CONFIG,
    observed: LiveObservations = NOTHING,
    rules: Duel | None = None,
) -> Evaluation:
    rules = rules or duel()
    context = evaluation_context(config, rules, PAIR, view, [], result.job, NOW)
    return evaluate(config, rules, PAIR, context, 10, result, observed)


def test_all_rules_come_from_the_section_and_are_recorded() -> None:
    changed = duel().model_copy(
        update={
            "loss": "log_loss",
            "hypothesis": "non_inferiority",
            "margin": 0.5,
            "design": "confidence_sequence",
            "alpha": 0.01,
            "rollback_alpha": 0.02,
            "futility": True,
            "min_rows": 7,
            "planned_rows": 8,
            "min_label_coverage": 0.5,
            "max_evidence_age": timedelta(1),
            "min_duration": timedelta(2),
            "max_duration": timedelta(3),
            "on_timeout": "manual",
            "target": "jumps",
            "cluster_column": "person",
        }
    )
    evaluation = evaluated(DuelResult("job", NOW, RAW), rules=changed)
    assert evaluation.record["rules"] == changed.model_dump(mode="json")
    assert (evaluation.verdict.margin, evaluation.verdict.issue) == (0.5, "wrong_subject")
    defaults = Duel(loss="absolute", target="chins")
    in_verdict = set(Duel.model_fields) - {
        *("feature_columns", "target_columns", "label_delay", "schedule", "template", "timeout"),
        "max_rows_per_day",
    }
    assert [n for n in in_verdict if getattr(changed, n) == getattr(defaults, n)] == []


@pytest.mark.parametrize(
    ("changes", "outcome", "action"),
    [
        ({}, Outcome.PROMOTE, "promote"),
        ({"mean": -0.5}, Outcome.ROLLBACK, "rollback"),
        # An old source holds a promotion, and no rollback.
        ({"last_row": "2026-10-01T00:00:00Z"}, Outcome.INCONCLUSIVE, None),
        ({"last_row": "2026-10-01T00:00:00Z", "mean": -0.5}, Outcome.ROLLBACK, "rollback"),
        ({"mean": 0.0}, Outcome.HOLD, None),
        ({"mean": None}, Outcome.INCONCLUSIVE, None),
        ({"mean": "NaN"}, Outcome.INCONCLUSIVE, None),
        (invalid_on(30), Outcome.INCONCLUSIVE, None),
        (invalid_on(600), Outcome.ROLLBACK, "rollback"),
        # Without rows, for any coverage.
        *[({"rows": 0, "coverage": part}, Outcome.INCONCLUSIVE, None) for part in (0, 0.5, 1)],
        ({"rows": None}, Outcome.INCONCLUSIVE, None),
        ({"rows": True}, Outcome.INCONCLUSIVE, None),
        ({"rows": 10**400}, Outcome.INCONCLUSIVE, None),
        ({"targets": {"chins": {"n": 1999, "rows_labelled": 2000}}}, Outcome.INCONCLUSIVE, None),
        ({"targets": {"chins": {"rows_labelled": None}}}, Outcome.INCONCLUSIVE, None),
        ({"targets": {"chins": {"rows_compared": 1999}}}, Outcome.INCONCLUSIVE, None),
        ({"rows_compared": None}, Outcome.INCONCLUSIVE, None),
        # Clusters, where the file asks for rows.
        ({"cluster_column": "person"}, Outcome.INCONCLUSIVE, None),
        ({"challenger": None}, Outcome.INCONCLUSIVE, None),
        ({"primary_target": "jumps"}, Outcome.INCONCLUSIVE, None),
        (NO_ROWS, Outcome.HOLD, None),
        (NO_ROWS | {"rows": 100}, Outcome.INCONCLUSIVE, None),
        (NO_ROWS | {"coverage": 1}, Outcome.INCONCLUSIVE, None),
        (dict.fromkeys(RAW), Outcome.INCONCLUSIVE, None),
    ],
)
def test_evaluations(changes: dict[str, object], outcome: Outcome, action: str | None) -> None:
    result = DuelResult("job", NOW, {**RAW, **changes})
    evaluation = evaluated(result)
    intent = evaluation.decision.intent
    assert (evaluation.verdict.outcome, intent and intent.action) == (outcome, action)
    assert evaluation.record["duel"] == result.evidence
    assert evaluation.record["verdict"]["analysis_count"] == 1


def test_the_time_at_a_percentage_is_not_overestimated() -> None:
    """Without events the endpoint's last change counts; without that, now."""
    for updated in (NOW - timedelta(hours=1), None):
        changed = replace(VIEW, updated=updated)
        evaluation = evaluated(DuelResult("job", NOW, RAW), changed)
        assert evaluation.verdict.outcome is Outcome.HOLD
        assert evaluation.decision.intent is None


def test_clusters_are_what_is_counted() -> None:
    """100 persons with 20 rows each are 100 units, fewer than 500 and more than 50."""
    days = [{"day": "2026-11-19", "n": 100, "mean": 0.5, "variance": 1.0}]
    raw = {**RAW, "cluster_column": "person", "n": 100, "targets": {}, "days": days}
    raw |= {"smallest": -2.0, "largest": 3.0}
    clustered = duel().model_copy(update={"cluster_column": "person"})
    held = evaluated(DuelResult("job", NOW, raw), rules=clustered).verdict
    assert (held.outcome, held.reason) == (Outcome.HOLD, "100 clusters are fewer than 500")
    fewer = clustered.model_copy(update={"min_rows": 50})
    assert evaluated(DuelResult("job", NOW, raw), rules=fewer).verdict.outcome is Outcome.PROMOTE
    # Evidence on rows, by a template that ignores the parameter.
    ignored = evaluated(DuelResult("job", NOW, RAW), rules=clustered).verdict
    assert ignored.issue == "wrong_subject"
    assert ignored.reason == "it counts rows, not clusters by person"


HOUR = timedelta(hours=1)


def past(hours: float, action: str = "adopt", **changes: Any) -> Event:
    """An event that long ago, before and after which the challenger has 10 % of the traffic."""
    defaults = {
        "id": f"{action}-{hours * 10:.0f}",
        "time": NOW - hours * HOUR,
        "model": "linnerud",
        "endpoint": "e",
        "action": action,
        "reason": "",
        "challenger_after": "2",
        "split_before": {"1": 90, "2": 10},
        "split_after": {"1": 90, "2": 10},
    }
    return Event(**{**defaults, **changes})


@pytest.mark.parametrize(
    ("events", "created", "deployed", "hours", "analysis_count"),
    [
        ([past(72)], 99, 99, 72, 1),
        # Of an endpoint in another region or project, with the same model ids.
        ([past(72, endpoint="another")], 99, 99, 48, 1),
        ([past(72, endpoint="")], 99, 99, 48, 1),
        ([past(72, endpoint="another"), past(60)], 99, 99, 60, 1),
        ([past(72), past(60, endpoint="another"), past(60, "evaluated")], 99, 99, 72, 2),
        ([past(60, "evaluated", endpoint="another")], 99, 99, 48, 1),
        # Of a deleted endpoint: the present one was created 50 hours ago with the same name.
        ([past(72)], 50, 50, 48, 1),
        ([past(72), past(71, "evaluated"), past(49)], 50, 50, 49, 1),
        ([past(50)], 50, 50, 50, 1),
        # It was undeployed and deployed again.
        ([past(72)], 99, 2, 2, 1),
        ([], 99, 2, 2, 1),
        ([past(72)], None, None, 72, 1),
    ],
)
def test_only_events_of_this_deployment_on_this_endpoint_count(
    events: list[Event],
    created: float | None,
    deployed: float | None,
    hours: float,
    analysis_count: int,
) -> None:
    def ago(hours: float | None) -> datetime | None:
        return None if hours is None else NOW - hours * HOUR

    events = [replace(e, evidence={"job": e.id}) if e.action == "evaluated" else e for e in events]
    models = tuple(replace(one, deployed_at=ago(deployed)) for one in VIEW.deployed_models)
    view = replace(VIEW, created=ago(created), deployed_models=models)
    context = evaluation_context(CONFIG, duel(), PAIR, view, events, "job", NOW)
    assert (NOW - context.since, context.analysis_count) == (hours * HOUR, analysis_count)


def test_live_traffic_changes_the_verdict_and_is_recorded(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "dags" / "models" / "linnerud.yaml").read_text())
    metrics = {"table": "ops.serving", "max_error_rate": 0.01}
    raw["rollout"]["guardrails"] = {"metrics": metrics}
    path = tmp_path / "linnerud.yaml"
    path.write_text(yaml.safe_dump(raw))
    config, result = load_model(path), DuelResult("job", NOW, RAW)
    arms = {"1": ArmMetrics(9000, 10), "2": ArmMetrics(1000, 2)}
    fine = evaluated(result, config=config, observed=LiveObservations({"1": 9000, "2": 1000}, arms))
    assert fine.verdict.outcome is Outcome.PROMOTE
    assert fine.record["live"]["sample_ratio"]["outcome"] == "fits"
    assert fine.record["live"]["limits"]["issue"] is None
    assert fine.record["live"]["requests"] == {"1": 9000, "2": 1000}
    assert fine.record["live"]["metrics"]["2"]["errors"] == 2

    mismatch = evaluated(
        result, config=config, observed=LiveObservations({"1": 9500, "2": 500}, arms)
    )
    assert mismatch.verdict.outcome is Outcome.INCONCLUSIVE
    assert mismatch.record["by_duel"]["outcome"] == "promote"
    broken = evaluated(
        result, config=config, observed=LiveObservations(None, {**arms, "2": ArmMetrics(1000, 50)})
    )
    assert broken.decision.intent == RollBack("2")
    unreadable = evaluated(
        result, config=config, observed=LiveObservations(unreadable=("no table",))
    )
    assert unreadable.verdict.outcome is Outcome.INCONCLUSIVE
    assert unreadable.record["live"]["unreadable"] == ("no table",)


@pytest.mark.parametrize("percentage", [0, 100])
def test_a_challenger_without_a_part_of_the_traffic_has_no_split_to_test(percentage: int) -> None:
    result, observed = DuelResult("job", NOW, RAW), LiveObservations({"1": 9000, "2": 9000})
    context = evaluation_context(CONFIG, duel(), PAIR, VIEW, [], result.job, NOW)
    found = evaluate(CONFIG, duel(), PAIR, context, percentage, result, observed)
    assert found.verdict.issue == ""
    other = evaluate(CONFIG, duel(), PAIR, context, 10, result, observed)
    assert other.verdict.issue == "traffic_split"


def test_the_policy_is_that_of_rollout_and_duel() -> None:
    rollout = CONFIG.rollout.model_copy(update={"promotion": "manual"})
    rules = duel().model_copy(update={"alpha": 0.01})
    same = policy_of(CONFIG.model_copy(update={"owner": "others"}))
    assert same == policy_of(CONFIG)
    changed = [{"rollout": rollout}, {"duel": rules}, {"duel": None}]
    policies = {policy_of(CONFIG.model_copy(update=one)) for one in changed}
    assert len(policies | {same}) == 4
