"""The compiled duel with a sample and with clusters: one job in the sandbox's Vertex AI, and duels
whose steps run in this process."""

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from tests.conftest import Sandbox
from tests.pipeline.duel_steps import run_duel
from tests.pipeline.duels import END, START, Duels, Submitted, rows
from titleholder.analysis.duel_job import parse_evidence
from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.analysis.row_counts import contradiction
from titleholder.analysis.trailing_windows import are_consistent

COUNT = 3_000
RNG = np.random.default_rng(11)
PERSONS = [f"person {number}" for number in RNG.integers(0, 150, COUNT)]
TABLE = rows(COUNT).append_column("person", pa.array(PERSONS))
TABLE = TABLE.append_column("site", pa.array(np.ones(COUNT, int)))
TABLE = TABLE.append_column("team", pa.array(PERSONS, mask=np.arange(COUNT) == 1_500))
FRAME = TABLE.to_pandas()
SEEN = FRAME[(FRAME["at"] < START) & FRAME["y"].notna() & FRAME["z"].notna()]
WINDOW = FRAME[(FRAME["at"] >= START) & (FRAME["at"] < END)]


def fitted(count: int) -> LinearRegression:
    few = SEEN[:count]
    return LinearRegression().fit(few[["x", "z"]].to_numpy(), few[["y", "w"]].to_numpy())


MODELS = {"champion": fitted(5), "challenger": fitted(200)}


@pytest.fixture(scope="module")
def results(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Submitted]:
    """Every duel of these tests, by name: `both` is a job of Vertex AI."""
    duels = Duels(sandbox)
    two: dict[str, Any] = {"target_columns": ["y", "w"]}
    for role, model in MODELS.items():
        two |= duels.put_model(f"units-{role}", model, role)
    table = duels.put_table(TABLE)
    shuffled = duels.put_table(TABLE.take(RNG.permutation(COUNT)))
    clusters = {"cluster_column": "person"}
    sample = {"max_rows_per_day": 40}
    job = duels.submit("units-both", table, **two, **sample, **clusters)
    others: dict[str, dict[str, Any]] = {
        "all": {},
        "sample": sample,
        "again": sample | {"source_table": shuffled, "batch_size": 33},
        "clusters": clusters | {"source_table": shuffled, "batch_size": 97},
        "one": {"cluster_column": "site"},
        "null": {"cluster_column": "team"},
    }
    with duels.variables():
        here = {
            name: run_duel(duels.parameters(table, **two | changes), tmp_path_factory.mktemp(name))
            for name, changes in others.items()
        }
    return here | {"both": duels.result(job)}


def differences(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """The rows that can be compared, with the difference of the models' losses on one target."""
    usable = frame[frame["z"].notna() & frame[target].notna()].copy()
    number, features = ["y", "w"].index(target), usable[["x", "z"]].to_numpy()
    champion, challenger = (
        np.abs(usable[target] - MODELS[role].predict(features)[:, number])
        for role in ("champion", "challenger")
    )
    return usable.assign(difference=champion - challenger)


def consistent(evidence: dict[str, Any]) -> bool:
    """Whether the verdict's checks accept the counts and days."""
    pair = ModelPair(*(RegisteredModel(role, role, "", "", "") for role in MODELS))
    parsed = parse_evidence(evidence, pair, datetime(2026, 3, 12, tzinfo=UTC))
    return contradiction(parsed) == "" and are_consistent(parsed.days, parsed.n)


@pytest.mark.parametrize("name", ["all", "sample", "again", "clusters", "both", "one"])
def test_the_counts_are_those_of_one_set_of_rows(results: dict[str, Submitted], name: str) -> None:
    job = results[name]
    assert job.state == "SUCCEEDED", job.error
    assert job.metadata["evidence"] == job.outputs["evidence"]
    assert consistent(job.outputs["evidence"])


def test_without_the_keys_every_row_counts(results: dict[str, Submitted]) -> None:
    evidence = results["all"].outputs["evidence"]
    assert evidence["cluster_column"] is evidence["sample"] is None
    assert evidence["n"] == evidence["rows_compared"] == len(differences(WINDOW, "y"))
    assert evidence["rows"] == len(WINDOW)


def test_a_sample_is_the_same_in_each_duel_and_says_how_many_rows_there_were(
    results: dict[str, Submitted],
) -> None:
    one, other = (results[name].outputs["evidence"] for name in ("sample", "again"))
    for name in ("n", "rows", "rows_compared", "rows_labelled", "rows_skipped", "sample"):
        assert one[name] == other[name]
    for name in ("mean", "variance", "champion_loss", "smallest", "largest"):
        assert one[name] == pytest.approx(other[name], rel=1e-9)
    assert one["sample"] == {
        "max_rows_per_day": 40,
        "sampled_by": ["at", "x", "z"],
        "rows_in_window": len(WINDOW),
        "days_without_rows": 0,
    }
    assert one["rows"] == 40 * 10
    assert one["coverage"] == one["rows_labelled"] / 400 == pytest.approx(0.9, abs=0.06)
    every = differences(WINDOW, "y")["difference"]
    error = every.std() / one["n"] ** 0.5
    assert one["mean"] == pytest.approx(every.mean(), abs=4 * error)
    text = (
        f"A sample: 400 of {len(WINDOW):,} rows, at most 40 of each day (UTC), chosen by at, x, z"
    )
    assert text in results["sample"].report


def test_clusters_are_the_units_of_every_statistic(results: dict[str, Submitted]) -> None:
    job = results["clusters"]
    evidence = job.outputs["evidence"]
    assert evidence["cluster_column"] == "person"
    for target in ("y", "w"):
        compared = differences(WINDOW, target)
        means = compared.groupby("person")["difference"].mean()
        found = evidence["targets"][target]
        assert (found["n"], found["rows_compared"]) == (len(means), len(compared))
        assert found["mean"] == pytest.approx(means.mean(), rel=1e-9)
        assert found["variance"] == pytest.approx(means.var(ddof=1), rel=1e-9)
    compared = differences(WINDOW, "y")
    newest = compared.groupby("person")["at"].max().dt.strftime("%Y-%m-%d").value_counts()
    assert {day["day"]: day["n"] for day in evidence["days"]} == newest.to_dict()
    assert pd.Timestamp(evidence["last_row"]) == compared["at"].max()
    assert job.outputs["n"] == evidence["n"] < evidence["rows_compared"]
    assert "clusters the challenger&#x27;s loss on y is" in job.report
    assert f"{len(compared):,} rows in {evidence['n']:.0f} clusters" in job.report


def test_a_sample_of_clusters_has_the_same_clusters_on_every_day(
    results: dict[str, Submitted],
) -> None:
    evidence = results["both"].outputs["evidence"]
    assert evidence["sample"]["sampled_by"] == ["person"]
    assert evidence["rows"] <= 400
    assert 10 < evidence["n"] < 50, "of 150 persons, 40 rows a day are those of 30 to 50"
    assert evidence["rows_compared"] > 5 * evidence["n"]


def test_one_cluster_has_no_variance(results: dict[str, Submitted]) -> None:
    job = results["one"]
    assert (job.outputs["n"], job.outputs["variance"]) == (1, 0)
    evidence = job.outputs["evidence"]
    assert evidence["variance"] is None
    assert len(evidence["days"]) == 1
    assert "y: too few clusters to tell" in job.report


def test_a_row_without_a_cluster_fails_the_job(results: dict[str, Submitted]) -> None:
    job = results["null"]
    assert job.failed == ["read-rows"]
    assert re.search(r"Column team of \S+ is null in some rows of the window: fill it", job.error)


def test_the_report_says_which_targets_got_better_or_worse(results: dict[str, Submitted]) -> None:
    for name in ("all", "clusters"):
        lines = re.findall(r"<li>(.*?)</li>", results[name].report)
        assert re.fullmatch(r"y: better by [\d.]+ \([\d.]+ to [\d.]+\)", lines[0])
        assert lines[1].startswith("w: ")
        assert len(lines) == 2
