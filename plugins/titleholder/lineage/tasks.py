"""The lineage of each task, from what it has found. No I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from titleholder.analysis.model_pair import ModelPair
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel
from titleholder.data_intervals import Interval
from titleholder.freshness import Coverage, Finding, FreshnessState
from titleholder.lineage.dataset import (
    Dataset,
    Facets,
    Lineage,
    endpoint,
    folder,
    model_version,
    table,
)
from titleholder.lineage.facets import (
    assertion,
    interval_subset,
    row_metrics,
    schema,
    test_result,
)
from titleholder.rollout.intents import DeployCandidate, Intent
from titleholder.rollout.view import View


@dataclass(frozen=True)
class ModelNames:
    """What names a model's datasets: project and region, the tables with their projects, and the
    source's timestamp column."""

    project: str
    location: str
    source: str
    timestamp: str
    events_table: str

    def rows(self, interval: Interval, facets: Facets, input_facets: Facets) -> Dataset:
        """The rows of the source in that interval."""
        subset = {"subset": interval_subset(self.timestamp, interval)}
        return table(self.source, facets, {**subset, **input_facets})

    def version(self, version: str, input_facets: Facets | None = None) -> Dataset:
        """The registered version `linnerud@3`."""
        return model_version(self.project, self.location, version, input_facets)


def source_lineage(
    names: ModelNames,
    interval: Interval,
    finding: Finding,
    error_after: timedelta,
    columns: Sequence[tuple[str, str]],
    coverage: Coverage | None,
) -> Lineage:
    """The check of a source: its columns, its interval, its rows there, and whether it is fresh."""
    passed = finding.state in (FreshnessState.FRESH, FreshnessState.WARN)
    hours = error_after.total_seconds() / 3600
    expected = f"the newest row at most {hours:g} h before the interval's end"
    read = {
        "dataQualityAssertions": assertion(
            "freshness", passed, expected, finding.reason, state=finding.state.value
        )
    }
    if coverage is not None:
        read["dataQualityMetrics"] = row_metrics(coverage.rows, {names.timestamp: coverage.nulls})
    return Lineage((names.rows(interval, {"schema": schema(columns)} if columns else {}, read),))


def training_lineage(
    names: ModelNames,
    interval: Interval,
    score: float,
    min_score: float,
    uri: str | None,
) -> Lineage:
    """The training on the source's interval, the result of the quality gate, and the folder `uri`
    of the model; None if it did not pass."""
    gate = test_result(
        "quality_gate", uri is not None, f"a score of at least {min_score:g}", f"{score:g}"
    )
    made = (folder(uri),) if uri is not None else ()
    return Lineage((names.rows(interval, {}, {}),), made, {"test": gate})


def traffic_lineage(names: ModelNames, intent: Intent, view: View) -> Lineage:
    """A change of the endpoint. The versions with traffic feed it; for a training run they are its
    version alone, made of the model's folder, and the endpoint only if that is deployed."""
    if view.endpoint is None:
        return Lineage()
    if not isinstance(intent, DeployCandidate):
        versions = tuple(
            names.version(one.model) for one in view.deployed_models if one.traffic_percentage
        )
        made = endpoint(names.project, names.location, view.endpoint, versions)
        return Lineage(versions, (made,))
    found = view.version(intent.version.alias)
    if found is None:
        return Lineage()
    version = names.version(f"{view.model}@{found.number}")
    outputs = [version]
    if view.deployed_model(view.present_id(intent.deployed_model_id)):
        outputs.append(endpoint(names.project, names.location, view.endpoint, (version,)))
    return Lineage((folder(intent.version.uri),), tuple(outputs))


def evaluation_lineage(
    names: ModelNames,
    pair: ModelPair,
    duel: Duel,
    at: datetime,
    evidence: Mapping[str, Any],
    verdict: Verdict,
    threshold: float,
) -> Lineage:
    """The evaluation at `at`, the end of the run's interval: the labelled rows that neither model
    was trained on, both versions, with the verdict as an assertion about the challenger, and the
    events table. A low end above `threshold` promotes."""
    trained = max(
        datetime.fromisoformat(one.data_interval_end) for one in (pair.champion, pair.challenger)
    )
    about_challenger = assertion(
        duel.hypothesis,
        verdict.outcome is Outcome.PROMOTE,
        f"a low end above {threshold:g}",
        verdict.reason,
        outcome=str(verdict.outcome),
        loss=duel.loss,
        estimate=verdict.estimate,
        low=verdict.low,
        high=verdict.high,
        rows=verdict.n,
        coverage=verdict.coverage,
    )
    return Lineage(
        (
            names.rows(
                Interval(trained, at - duel.label_delay), {}, _labelled(evidence, duel.target)
            ),
            names.version(pair.champion.version),
            names.version(pair.challenger.version, {"dataQualityAssertions": about_challenger}),
        ),
        (table(names.events_table),),
    )


def _labelled(evidence: Mapping[str, Any], target: str) -> Facets:
    """The rows of the duel, and those without a label; none for numbers that are missing or no
    counts."""
    rows, labelled = evidence.get("rows"), evidence.get("rows_labelled")
    # Vertex AI's numbers are floats.
    if not (isinstance(rows, int | float) and isinstance(labelled, int | float)):
        return {}
    if not 0 <= labelled <= rows < math.inf:
        return {}
    return {"dataQualityMetrics": row_metrics(int(rows), {target: int(rows) - int(labelled)})}
