"""The compiled watch job: one job, submitted with Google's client to the sandbox's Vertex AI, and
jobs whose steps run in this process."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sklearn.linear_model import LinearRegression

from pipeline.compile import COMPILED
from tests.conftest import Sandbox
from tests.pipeline.duels import END, START, Duels, rows
from tests.pipeline.watches import Watched, run_watch, watch_parameters, watch_result
from titleholder.analysis.watching.data_drift import exceeded, parse_data_drift, sentence

COUNT = 3_000
RNG = np.random.default_rng(17)
TABLE = rows(COUNT)
TABLE = TABLE.append_column("person", pa.array(RNG.integers(0, 150, COUNT)))
TABLE = TABLE.append_column("colour", pa.array(RNG.choice(["red", "blue"], COUNT)))
FRAME = TABLE.to_pandas()
WINDOW = FRAME[(FRAME["at"] >= START) & (FRAME["at"] < END)]
SEEN = FRAME[(FRAME["at"] < START) & FRAME["y"].notna() & FRAME["z"].notna()]
MODEL = LinearRegression().fit(SEEN[["x", "z"]].to_numpy(), SEEN[["y"]].to_numpy())
CONTRACT = (COMPILED.parents[1] / "docs/reference/watch-job.md").read_text()
Watch = Callable[..., Watched]


def without_labels(days: list[str]) -> pa.Table:
    """The rows, without labels on these days."""
    label = FRAME["y"].where(~FRAME["at"].dt.strftime("%Y-%m-%d").isin(days))
    return TABLE.set_column(0, "y", pa.array(label, from_pandas=True))


@pytest.fixture(scope="module")
def duels(sandbox: Sandbox) -> Duels:
    return Duels(sandbox)


@pytest.fixture(scope="module")
def table(duels: Duels) -> str:
    return duels.put_table(TABLE)


@pytest.fixture(scope="module")
def model(duels: Duels) -> dict[str, str]:
    return duels.put_model("watched", MODEL)


@pytest.fixture(scope="module")
def watch(
    duels: Duels, model: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Watched]:
    """Runs a watch job on a table."""

    def run(table: str, **changes: Any) -> Watched:
        given = watch_parameters(duels, table, **model | changes)
        with duels.variables():
            return run_watch(given, tmp_path_factory.mktemp("watch"))

    return run


@pytest.fixture(scope="module")
def job(duels: Duels, table: str, model: dict[str, str]) -> Watched:
    """A job of the sandbox's Vertex AI."""
    given = watch_parameters(duels, table, **model)
    return watch_result(duels, duels.start("watch.yaml", "watch", given))


def losses(frame: pd.DataFrame = WINDOW) -> pd.DataFrame:
    """The rows that can be measured, with the loss of the model and the day."""
    usable = frame[frame["z"].notna() & frame["y"].notna()]
    predicted = MODEL.predict(usable[["x", "z"]].to_numpy())[:, 0]
    return usable.assign(
        loss=(usable["y"] - predicted).abs(), day=usable["at"].dt.strftime("%Y-%m-%d")
    )


def expected_days(frame: pd.DataFrame = WINDOW) -> dict[str, dict[str, Any]]:
    """The days of the evidence by pandas; NaN is an unknown number."""
    frame = frame.assign(day=frame["at"].dt.strftime("%Y-%m-%d"))
    days = frame.groupby("day").agg(rows=("x", "size"), rows_labelled=("y", "count"))
    of_day = losses(frame).groupby("day")["loss"]
    days = days.join(of_day.agg(n="size", loss="mean", variance="var"))
    return {str(k): v for k, v in days.fillna({"n": 0}).to_dict("index").items()}


def same_days(evidence: dict[str, Any], expected: dict[str, dict[str, Any]]) -> None:
    found = {one["day"]: one for one in evidence["days"]}
    assert list(found) == sorted(expected)
    for day, numbers in expected.items():
        values = {n: np.nan if found[day][n] is None else found[day][n] for n in numbers}
        assert values == pytest.approx(numbers, rel=1e-9, nan_ok=True)


def test_the_contract_names_every_parameter() -> None:
    spec = yaml.safe_load((COMPILED / "watch.yaml").read_text())
    kinds = {"STRING": "string", "NUMBER_INTEGER": "integer", "LIST": "list"}
    declared = spec["root"]["inputDefinitions"]["parameters"]
    documented = re.findall(r"^\| `(\w+)` \| (string|integer|list) \|", CONTRACT, re.MULTILINE)
    assert dict(documented) == {name: kinds[d["parameterType"]] for name, d in declared.items()}
    tasks = {task["taskInfo"]["name"] for task in spec["root"]["dag"]["tasks"].values()}
    assert tasks == {"read-rows", "score-champion", "measure", "compare-distributions"}
    for name in tasks:
        assert f"| `{name}` |" in CONTRACT


def test_evidence_and_data_drift_have_the_keys_of_the_contract(job: Watched) -> None:
    evidence, drift = map(json.loads, re.findall(r"```json\n(.*?)```", CONTRACT, re.DOTALL))
    assert evidence.keys() == job.evidence.keys()
    assert evidence["days"][0].keys() == job.evidence["days"][0].keys()
    assert drift.keys() == job.drift.keys()
    assert drift["columns"][0].keys() == job.drift["columns"][0].keys()
    assert drift["predictions"].keys() == job.drift["predictions"].keys()


def test_the_statistics_are_those_of_numpy(job: Watched) -> None:
    assert job.state == "SUCCEEDED", job.error
    assert job.files == {"evidence": job.evidence, "data_drift": job.drift}
    expected = losses()["loss"]
    evidence = job.evidence
    assert evidence["n"] == evidence["rows_compared"] == len(expected)
    assert evidence["mean"] == pytest.approx(expected.mean(), rel=1e-9)
    assert evidence["variance"] == pytest.approx(expected.var(ddof=1), rel=1e-9)
    assert evidence["rows"] == len(WINDOW)
    assert evidence["rows_labelled"] == WINDOW["y"].notna().sum()
    assert evidence["rows_skipped"] == WINDOW["z"].isna().sum() > 0
    assert evidence["coverage"] == pytest.approx(WINDOW["y"].notna().mean())
    assert evidence["invalid_predictions"] == 0
    assert pd.Timestamp(evidence["first_row"]) == losses()["at"].min()
    assert pd.Timestamp(evidence["last_row"]) == losses()["at"].max()
    assert evidence["window_start"] == "2026-03-02T03:00:00Z"
    assert evidence["window_end"] == "2026-03-12T00:00:00Z"
    same_days(evidence, expected_days())


def test_the_plugin_reads_the_data_drift(job: Watched) -> None:
    columns = parse_data_drift(job.drift)
    assert [(one.column, one.n_training, one.n_recent) for one in columns] == [
        ("x", job.drift["rows_training"], job.drift["rows_recent"]),
        ("z", job.drift["rows_training"], job.drift["rows_recent"]),
    ]
    assert exceeded(columns, {}, 0.0, 1)[0].limit == 0
    words = r"z: PSI 0\.\d\d, Kolmogorov-Smirnov 0\.\d\d; \S+ % missing, \S+ % in training"
    assert re.fullmatch(words, sentence(columns[1]))


def test_batch_size_and_order_change_nothing(duels: Duels, watch: Watch, job: Watched) -> None:
    table = duels.put_table(TABLE.take(RNG.permutation(COUNT)))
    other = watch(table, batch_size=97)
    assert other.state == "SUCCEEDED", other.error
    assert other.evidence["n"] == job.evidence["n"]
    assert other.evidence["mean"] == pytest.approx(job.evidence["mean"], rel=1e-9)
    same_days(other.evidence, expected_days())
    for one, again in zip(job.drift["columns"], other.drift["columns"], strict=True):
        assert again["bins"]["edges"] == one["bins"]["edges"]
        assert {name: again[name] for name in ("psi", "statistic")} == pytest.approx(
            {name: one[name] for name in ("psi", "statistic")}, rel=1e-9
        )


def test_the_window_starts_at_window_start_if_that_is_later(watch: Watch, table: str) -> None:
    found = watch(table, window_start="2026-03-09T00:00:00+01:00")
    assert found.evidence["window_start"] == "2026-03-08T23:00:00Z"
    assert found.drift["recent_start"] == "2026-03-08T23:00:00Z"
    frame = WINDOW[WINDOW["at"] >= "2026-03-08T23:00:00Z"]
    same_days(found.evidence, expected_days(frame))


def test_a_day_without_labels_is_in_the_evidence_with_its_rows(duels: Duels, watch: Watch) -> None:
    dark = ["2026-03-05", "2026-03-11"]
    found = watch(duels.put_table(without_labels(dark)))
    frame = without_labels(dark).to_pandas()
    same_days(found.evidence, expected_days(frame[(frame["at"] >= START) & (frame["at"] < END)]))
    for day in found.evidence["days"]:
        if day["day"] in dark:
            assert (day["n"], day["loss"], day["variance"], day["rows_labelled"]) == (
                *(0, None, None, 0),
            )
            assert day["rows"] > 200


def test_without_any_label_there_is_no_loss_but_data_drift(duels: Duels, watch: Watch) -> None:
    found = watch(duels.put_table(rows(300, labelled=0.0)))
    assert found.state == "SUCCEEDED", found.error
    evidence = found.evidence
    assert (evidence["n"], evidence["rows_labelled"], evidence["coverage"]) == (0, 0, 0)
    assert evidence["mean"] is evidence["variance"] is evidence["first_row"] is None
    assert [day["n"] for day in evidence["days"]] == [0] * 10
    assert sum(day["rows"] for day in evidence["days"]) == evidence["rows"] > 200
    assert found.drift["columns"][0]["psi"] is not None


def test_an_empty_window_has_no_days_and_a_reason(watch: Watch, table: str) -> None:
    for until in ("2026-03-01T00:00:00Z", "2026-03-02T03:00:00Z"):
        found = watch(table, labels_until=until)
        assert found.state == "SUCCEEDED", found.error
        assert (found.evidence["n"], found.evidence["days"]) == (0, [])
        for column in found.drift["columns"]:
            assert column["psi"] is None
            assert column["reason"] == "there are no rows in the last window"


def test_rows_after_the_window_do_not_count(duels: Duels, watch: Watch, job: Watched) -> None:
    future = TABLE.slice(0, 500)
    late = pa.array([END + (END - START) * 1000] * 500, TABLE["at"].type)
    future = future.set_column(1, "at", late)
    found = watch(duels.put_table(pa.concat_tables([TABLE, future])))
    assert found.evidence["days"] == job.evidence["days"]
    assert found.drift["rows_recent"] == job.drift["rows_recent"]


def test_each_copy_of_a_row_counts(duels: Duels, watch: Watch) -> None:
    copied = pa.concat_tables([TABLE, TABLE.slice(1_000, 400)])
    frame = copied.to_pandas()
    frame = frame[(frame["at"] >= START) & (frame["at"] < END)]
    found = watch(duels.put_table(copied))
    same_days(found.evidence, expected_days(frame))
    assert found.evidence["mean"] == pytest.approx(losses(frame)["loss"].mean())
    assert found.drift["rows_recent"] == len(frame)


def test_a_perfect_prediction_of_a_constant_target_has_loss_and_variance_zero(
    duels: Duels, watch: Watch
) -> None:
    table = TABLE.set_column(0, "y", pa.array(np.full(COUNT, 4.0)))
    constant = LinearRegression().fit(SEEN[["x", "z"]].to_numpy(), np.full(len(SEEN), 4.0))
    found = watch(duels.put_table(table), **duels.put_model("watched-constant", constant))
    assert found.evidence["mean"] == found.evidence["variance"] == 0
    assert {day["loss"] for day in found.evidence["days"]} == {0}


def test_a_sample_measures_the_rows_with_the_smallest_keys(watch: Watch, table: str) -> None:
    found = watch(table, max_rows_per_day=40)
    assert found.evidence["sample"]["rows_in_window"] == len(WINDOW)
    assert [day["rows"] for day in found.evidence["days"]] == [40] * 10
    assert found.evidence["rows"] == 400
    every = losses()["loss"]
    error = every.std() / found.evidence["n"] ** 0.5
    assert found.evidence["mean"] == pytest.approx(every.mean(), abs=4 * error)
    assert found.drift["rows_recent"] == len(WINDOW), "data drift has a sample of its own"


def test_a_cluster_counts_once(watch: Watch, table: str) -> None:
    found = watch(table, cluster_column="person")
    of_person = losses().groupby("person")["loss"].mean()
    evidence = found.evidence
    assert (evidence["n"], evidence["rows_compared"]) == (len(of_person), len(losses()))
    assert evidence["mean"] == pytest.approx(of_person.mean())
    assert evidence["variance"] == pytest.approx(of_person.var(ddof=1))
    assert sum(day["n"] for day in evidence["days"]) == evidence["n"]
    rows_of = {day: one["rows"] for day, one in expected_days().items()}
    assert {day["day"]: day["rows"] for day in evidence["days"]} == rows_of


@pytest.mark.parametrize(
    ("changes", "step", "message"),
    [
        ({"window_start": "yesterday"}, "read-rows", "window_start is 'yesterday': give a time"),
        ({"loss": "hinge"}, "read-rows", "loss is 'hinge': name one of absolute, squared, log_"),
        (
            {"feature_columns": ["x", "colour"]},
            "read-rows",
            r"Column colour of \S+ is string, not a number: convert it in the table or name",
        ),
        ({"champion_sha256": "0" * 64}, "score-champion", "The champion cannot be scored: the f"),
        (
            {"drift_columns": ["waist"]},
            "compare-distributions",
            r"Table \S+ has no column waist: correct drift_columns or add the column",
        ),
        (
            {"drift_columns": ["x", "at"]},
            "compare-distributions",
            r"Column at of \S+ is timestamp\[us, tz=UTC\], not a number, string or boolean: rem",
        ),
        ({"drift_rows": 1}, "compare-distributions", "drift_rows is 1: give the number of rows"),
        (
            {"champion_data_interval_start": START.isoformat()},
            "compare-distributions",
            r"champion_data_interval_end \S+ is not after champion_data_interval_start \S+: c",
        ),
        (
            {"request_log": "p.d.t", "endpoint": "1' OR '", "deployed_model_id": "2"},
            "compare-distributions",
            "endpoint is \"1' OR '\" and deployed_model_id '2': give the ids of the champion",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    watch: Watch, table: str, changes: dict[str, Any], step: str, message: str
) -> None:
    found = watch(table, **changes)
    assert found.failed == [step]
    assert re.match(message, found.error), found.error
    assert not re.search(r"\n|\. [A-Z]", found.error)


def test_a_champion_whose_training_window_is_not_known_is_measured(
    watch: Watch, table: str, job: Watched
) -> None:
    # As the operators say it: without a start, and so without columns to compare.
    unknown = watch(table, champion_data_interval_start=START.isoformat(), drift_columns=[])
    assert unknown.state == "SUCCEEDED", unknown.error
    assert unknown.evidence == job.evidence
    assert unknown.drift["columns"] == []
