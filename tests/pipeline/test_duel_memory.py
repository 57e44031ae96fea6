"""The memory that each step of a duel takes, in a process of its own."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from tests.bench.duel_steps import run_duel
from tests.bench.measuring import environment
from tests.conftest import Sandbox
from tests.pipeline.duels import Duels, rows


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    duels = Duels(sandbox)
    labelled = rows(30_000).to_pandas().dropna()
    model = LinearRegression().fit(labelled[["x", "z"]].to_numpy(), labelled["y"].to_numpy())
    models = duels.put_model("memory", model) | duels.put_model("memory", model, "challenger")
    env = environment(tmp_path, **sandbox.env)
    peaks = {}
    for count in (30_000, 300_000, 3_000_000):
        values = duels.parameters(duels.put_table(rows(count)), batch_size=10_000, **models)
        evidence, costs = run_duel(values, tmp_path, env)
        assert evidence["n"] > 0.6 * count, "most of the rows are compared"
        peaks[count] = {task: cost.peak for task, cost in costs.items()}
    print("peak MiB by rows:", peaks)
    for task, peak in peaks[3_000_000].items():
        assert peaks[300_000][task] < 1.15 * peaks[30_000][task], task
        assert peak < 1.15 * peaks[300_000][task], task


MIB = 2**20


@pytest.mark.long
def test_memory_holds_a_sample_and_a_sum_for_each_cluster(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of a million rows: a sample of half of them, or 100,000 clusters."""
    duels, count = Duels(sandbox), 1_300_000
    labelled = rows(30_000).to_pandas().dropna()
    model = LinearRegression().fit(labelled[["x", "z"]].to_numpy(), labelled["y"].to_numpy())
    models = duels.put_model("units", model) | duels.put_model("units", model, "challenger")
    persons = [f"customer {number}" for number in np.arange(count) * 7 % 100_000]
    table = duels.put_table(rows(count).append_column("person", pa.array(persons)))
    env = environment(tmp_path, **sandbox.env)
    peaks, found = {}, {}
    for name, keys in (
        ("all", {}),
        ("sample", {"max_rows_per_day": 50_000}),
        ("clusters", {"cluster_column": "person"}),
    ):
        values = duels.parameters(table, batch_size=10_000, **models, **keys)
        found[name], costs = run_duel(values, tmp_path, env)
        peaks[name] = {task: cost.peak for task, cost in costs.items()}
    print("peak MiB:", peaks)
    sampled = found["sample"]["rows"] * 5 * 8 / MIB  # at, x, z, y and the key
    assert sampled > 15
    assert peaks["sample"]["read-rows"] < 1.15 * peaks["all"]["read-rows"] + 6 * sampled
    assert found["clusters"]["n"] > 99_000
    assert peaks["clusters"]["read-rows"] < 1.15 * peaks["all"]["read-rows"]
    # A sum is 6 numbers; merging holds it a few times.
    sums = found["clusters"]["n"] * 6 * 8 / MIB
    assert peaks["clusters"]["compare"] < 1.15 * peaks["all"]["compare"] + 12 * sums
