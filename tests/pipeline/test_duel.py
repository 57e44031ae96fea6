"""The compiled duel: two jobs, submitted with Google's client to the sandbox's Vertex AI, and duels
whose steps run in this process."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from pipeline.compile import COMPILED
from tests.conftest import Sandbox
from tests.pipeline.duel_steps import run_duel
from tests.pipeline.duels import END, START, Duels, Submitted, rows

PARAMETERS = {
    *("n", "mean", "variance", "champion_loss", "challenger_loss", "rows", "rows_labelled"),
    *(
        "coverage",
        "champion_invalid_predictions",
        "challenger_invalid_predictions",
        "window_start",
        "window_end",
        "evidence",
    ),
}
TABLE = rows(3_000)
FRAME = TABLE.to_pandas()
WINDOW = FRAME[(FRAME["at"] >= START) & (FRAME["at"] < END)]
USABLE = WINDOW[WINDOW["z"].notna()]
LABELLED = USABLE[USABLE["y"].notna()]
SEEN = FRAME[(FRAME["at"] < START) & FRAME["y"].notna() & FRAME["z"].notna()]


def fitted(targets: list[str], rows_of: pd.DataFrame = SEEN) -> LinearRegression:
    return LinearRegression().fit(rows_of[["x", "z"]].to_numpy(), rows_of[targets].to_numpy())


CHAMPION, CHALLENGER = fitted(["y", "w"], SEEN[:5]), fitted(["y", "w"])
# Predicts log(y) beyond y's range for some rows only: NaN there, y elsewhere.
PARTLY_INVALID = TransformedTargetRegressor(
    LinearRegression(), func=np.exp, inverse_func=np.log, check_inverse=False
).fit(SEEN[["x", "z"]].to_numpy(), SEEN["y"].to_numpy() / 10)


# A model in a format of its own, whose predictor adds a feature.
OWN = {
    "predictor.json": b'{"class": "line.Line"}',
    "line.json": b"[3, -1, 0.5]",
    "line.py": b"""
import json
import pathlib

class Line:
    def load(self, artifacts_uri):
        self.factors = json.loads(pathlib.Path(artifacts_uri, "line.json").read_text())

    def preprocess(self, prediction_input):
        return [[*instance, 1.0] for instance in prediction_input["instances"]]

    def predict(self, instances):
        return [sum(map(float.__mul__, row, map(float, self.factors))) for row in instances]

    def postprocess(self, prediction_results):
        return {"predictions": prediction_results}
""",
}


@pytest.fixture(scope="module")
def results(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Submitted]:
    """Every duel of these tests, by name. What a job of Vertex AI returns, and how it fails, are
    those of two; the others are in this process."""
    duels = Duels(sandbox)
    table, unlabelled = duels.put_table(TABLE), duels.put_table(rows(300, labelled=0.0))
    two = {"target_columns": ["y", "w"]}
    both = duels.put_model("champion", CHAMPION) | two
    both |= duels.put_model("challenger", CHALLENGER, "challenger")
    changed = duels.put_model("changed", CHALLENGER, "challenger")
    # Unpickling before the check would give another message.
    duels.bucket().blob("duel-tests/changed/model.joblib").upload_from_string(b"no pickle")
    invalid = duels.put_model("invalid", PARTLY_INVALID, "challenger")
    one = duels.put_model("one", fitted(["y"], SEEN[:5]))
    labelled = SEEN[["x", "z"]].to_numpy(), SEEN["kind"].to_numpy()
    kinds = {"target_columns": ["kind"], "primary_target": "kind", "loss": "log_loss"}
    kinds |= duels.put_model("prior", DummyClassifier().fit(*labelled))
    kinds |= duels.put_model("bayes", GaussianNB().fit(*labelled), "challenger")
    errors = kinds | {"loss": "zero_one"}
    own = one | duels.put_artifact("own", OWN, "challenger")
    jobs = {
        "good": duels.submit("good", table, **both),
        "changed": duels.submit("changed", table, **both | changed),
    }
    others: dict[str, dict[str, Any]] = {
        "small": both | {"batch_size": 97},
        "invalid": one | invalid,
        "column": both | {"feature_columns": ["x", "waist"]},
        "empty": both | {"labels_until": "2026-03-01T00:00:00Z"},
        "unlabelled": one | invalid | {"source_table": unlabelled},
        "kinds": kinds,
        "errors": errors,
        "own": own,
    }
    with duels.variables(), np.errstate(invalid="ignore"):  # in the logarithms of PARTLY_INVALID
        here = {
            name: run_duel(duels.parameters(table, **changes), tmp_path_factory.mktemp(name))
            for name, changes in others.items()
        }
    return {name: duels.result(job) for name, job in jobs.items()} | here


def expected_statistics(target: int) -> dict[str, Any]:
    """The statistics of one target, computed with numpy and pandas."""
    name = ["y", "w"][target]
    labelled = USABLE[USABLE[name].notna()]
    features = labelled[["x", "z"]].to_numpy()
    champion, challenger = (
        np.abs(labelled[name].to_numpy() - model.predict(features)[:, target])
        for model in (CHAMPION, CHALLENGER)
    )
    difference = champion - challenger
    return {
        "n": len(labelled),
        "mean": difference.mean(),
        "variance": difference.var(ddof=1),
        "skewness": ((difference - difference.mean()) ** 3).mean() / difference.std() ** 3,
        "smallest": difference.min(),
        "largest": difference.max(),
        "champion_loss": champion.mean(),
        "challenger_loss": challenger.mean(),
    }


def test_the_contract_names_every_parameter_and_output() -> None:
    contract = (COMPILED.parents[1] / "docs/reference/duel.md").read_text()
    inputs, _, outputs_section = contract.partition("## Outputs")
    spec = yaml.safe_load((COMPILED / "duel.yaml").read_text())
    kinds = {"STRING": "string", "NUMBER_DOUBLE": "double", "NUMBER_INTEGER": "integer"}
    kinds |= {"LIST": "list", "STRUCT": "struct"}
    outputs = spec["components"]["comp-compare"]["outputDefinitions"]["parameters"]
    for text, defined in (
        (inputs, spec["root"]["inputDefinitions"]["parameters"]),
        (outputs_section.partition("## The evidence")[0], outputs),
    ):
        documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
        assert documented == {name: kinds[d["parameterType"]] for name, d in defined.items()}


def test_the_evidence_is_that_of_the_contract(results: dict[str, Submitted]) -> None:
    contract = (COMPILED.parents[1] / "docs/reference/duel.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", contract, re.DOTALL)
    assert json.loads(example).keys() == results["good"].outputs["evidence"].keys()


def test_the_statistics_are_those_of_numpy(results: dict[str, Submitted]) -> None:
    job = results["good"]
    assert job.state == "SUCCEEDED", job.error
    assert job.outputs.keys() == PARAMETERS
    expected = expected_statistics(0)
    evidence = job.outputs["evidence"]
    assert {name: evidence[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    common = expected.keys() & job.outputs.keys()
    assert {n: job.outputs[n] for n in common} == {n: pytest.approx(evidence[n]) for n in common}
    assert len(common) == 5
    for number, target in enumerate(["y", "w"]):
        found = evidence["targets"][target]
        expected = expected_statistics(number)
        assert {n: found[n] for n in common} == {n: pytest.approx(expected[n]) for n in common}
    assert evidence["champion_rows"] == evidence["challenger_rows"] == evidence["n"]
    assert evidence["n"] < job.outputs["rows_labelled"] == WINDOW["y"].notna().sum()
    assert evidence["rows_skipped"] == len(WINDOW) - len(USABLE) > 0
    assert job.outputs["rows"] == len(WINDOW)
    assert job.outputs["coverage"] == pytest.approx(WINDOW["y"].notna().mean())
    assert (
        job.outputs["champion_invalid_predictions"]
        == job.outputs["challenger_invalid_predictions"]
        == 0
    )


def test_the_window_starts_after_both_training_intervals_and_ends_at_labels_until(
    results: dict[str, Submitted],
) -> None:
    evidence = results["good"].outputs["evidence"]
    assert evidence["window_start"] == results["good"].outputs["window_start"]
    assert evidence["window_start"] == "2026-03-02T03:00:00Z"
    assert evidence["window_end"] == "2026-03-12T00:00:00Z"
    used = LABELLED["at"]
    assert pd.Timestamp(evidence["first_row"]) == used.min()
    assert pd.Timestamp(evidence["last_row"]) == used.max()


def test_each_day_has_its_own_statistics(results: dict[str, Submitted]) -> None:
    days = results["good"].outputs["evidence"]["days"]
    expected = LABELLED.groupby(LABELLED["at"].dt.strftime("%Y-%m-%d")).size().to_dict()
    assert {day["day"]: day["n"] for day in days} == expected
    assert sum(day["n"] * day["mean"] for day in days) / len(LABELLED) == pytest.approx(
        results["good"].outputs["mean"], rel=1e-9
    )


def test_each_day_has_the_variance_of_each_loss_and_the_counts_of_its_rows(
    results: dict[str, Submitted],
) -> None:
    absolute = {
        role: (LABELLED["y"] - model.predict(LABELLED[["x", "z"]].to_numpy())[:, 0]).abs()
        for role, model in (("champion", CHAMPION), ("challenger", CHALLENGER))
    }
    for name in ("good", "small"):
        for day in results[name].outputs["evidence"]["days"]:
            of_day = LABELLED["at"].dt.strftime("%Y-%m-%d") == day["day"]
            for role, losses in absolute.items():
                assert day[f"{role}_variance"] == pytest.approx(losses[of_day].var(ddof=1))
            in_window = WINDOW[WINDOW["at"].dt.strftime("%Y-%m-%d") == day["day"]]
            assert day["rows"] == len(in_window)
            assert day["rows_labelled"] == in_window["y"].notna().sum()


def test_the_batch_size_changes_nothing(results: dict[str, Submitted]) -> None:
    small, large = (results[name].outputs for name in ("small", "good"))
    for name in PARAMETERS - {"evidence"}:
        exact = isinstance(large[name], str)
        assert small[name] == (large[name] if exact else pytest.approx(large[name], rel=1e-12))


def test_the_report_is_self_contained_and_has_the_evidence(results: dict[str, Submitted]) -> None:
    job = results["good"]
    assert job.metadata["evidence"] == job.outputs["evidence"]
    assert job.report.count("<svg") == 4
    assert "<script" not in job.report
    assert not re.findall(r"(?:src|href|url)\s*[=(]", job.report)
    assert "lower than the champion&#x27;s" in job.report


def test_a_changed_artifact_is_refused(results: dict[str, Submitted]) -> None:
    assert results["changed"].state == "FAILED"
    assert results["changed"].failed == ["score-challenger"]
    assert re.search(
        r"The challenger cannot be scored: the files under gs://\S+/changed have the SHA-256 "
        r"\w{64} instead of the registered \w{64}: restore them, or train",
        results["changed"].error,
    )
    assert not results["changed"].outputs


def test_invalid_predictions_are_counted(results: dict[str, Submitted]) -> None:
    job = results["invalid"]
    assert job.state == "SUCCEEDED", job.error
    with np.errstate(invalid="ignore"):
        invalid = np.isnan(PARTLY_INVALID.predict(LABELLED[["x", "z"]].to_numpy()))
    assert 0 < invalid.sum() < len(LABELLED)
    assert job.outputs["challenger_invalid_predictions"] == invalid.sum()
    assert job.outputs["champion_invalid_predictions"] == 0
    assert job.outputs["n"] == len(LABELLED) - invalid.sum()
    assert job.outputs["evidence"]["champion_rows"] == len(LABELLED)
    assert job.outputs["evidence"]["challenger_rows"] == job.outputs["n"]
    warning = "prediction or loss of the challenger is not a finite number, which are in no mean: "
    assert f"{warning}{invalid.sum():,}." in job.report


def test_a_missing_column_is_named(results: dict[str, Submitted]) -> None:
    assert results["column"].failed == ["read-rows"]
    assert re.search(r"Table \S+ has no column waist: correct the name", results["column"].error)


def test_an_empty_window_gives_no_evidence(results: dict[str, Submitted]) -> None:
    job = results["empty"]
    assert job.state == "SUCCEEDED", job.error
    assert (job.outputs["n"], job.outputs["rows"], job.outputs["coverage"]) == (0, 0, 0)
    assert job.outputs["window_start"] == job.outputs["window_end"] == "2026-03-02T03:00:00Z"
    assert job.outputs["mean"] == job.outputs["variance"] == 0
    evidence = job.outputs["evidence"]
    assert evidence["mean"] is evidence["variance"] is evidence["first_row"] is None
    assert "The window is empty" in job.report


def test_rows_without_labels_are_counted_and_not_compared(results: dict[str, Submitted]) -> None:
    job = results["unlabelled"]
    assert job.state == "SUCCEEDED", job.error
    assert job.outputs["rows"] > 200
    assert (job.outputs["n"], job.outputs["rows_labelled"], job.outputs["coverage"]) == (0, 0, 0)
    assert "Nothing to compare" in job.report


def test_classifiers_are_compared_by_log_loss(results: dict[str, Submitted]) -> None:
    job = results["kinds"]
    assert job.state == "SUCCEEDED", job.error
    prior = SEEN["kind"].value_counts(normalize=True)
    expected = -np.log(LABELLED["kind"].map(prior)).mean()
    assert job.outputs["champion_loss"] == pytest.approx(expected, rel=1e-9)
    assert 0 < job.outputs["challenger_loss"] < job.outputs["champion_loss"]
    assert "Probability of the actual class" in job.report


def test_classifiers_are_compared_by_their_errors(results: dict[str, Submitted]) -> None:
    job = results["errors"]
    assert job.state == "SUCCEEDED", job.error
    usual = SEEN["kind"].mode().item()
    assert job.outputs["champion_loss"] == pytest.approx((LABELLED["kind"] != usual).mean())
    assert 0 < job.outputs["challenger_loss"] < job.outputs["champion_loss"]
    assert job.report.count("<svg") == 2, "there are no probabilities to show"


def test_a_model_is_scored_by_the_predictor_in_its_artifact(results: dict[str, Submitted]) -> None:
    job = results["own"]
    assert job.state == "SUCCEEDED", job.error
    predicted = 3 * LABELLED["x"] - LABELLED["z"] + 0.5
    assert job.outputs["challenger_loss"] == pytest.approx((LABELLED["y"] - predicted).abs().mean())
