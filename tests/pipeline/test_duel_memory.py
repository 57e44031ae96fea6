"""The memory that each step of a duel takes, in a process of its own."""

from pathlib import Path

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
