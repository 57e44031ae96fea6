"""The memory of the watch job's steps does not grow with the rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from sklearn.linear_model import LinearRegression

from pipeline.compile import COMPILED
from pipeline.watch_steps.sampling import draw
from tests.bench.duel_steps import run_step
from tests.bench.measuring import environment
from tests.conftest import Sandbox
from tests.pipeline.duels import Duels, rows
from tests.pipeline.watches import watch_parameters

SPEC = yaml.safe_load((COMPILED / "watch.yaml").read_text())
ROWS = 5_000


@pytest.mark.parametrize("copies", [1, ROWS])
def test_a_sample_holds_a_few_times_its_rows(copies: int) -> None:
    """Also of rows of which many are equal."""
    held = []

    def batches(count: int) -> Iterator[Any]:
        rng = np.random.default_rng(3)
        for number in range(count):
            times = np.arange(ROWS) // copies + number * (ROWS if copies == 1 else 0)
            held.append(pa.total_allocated_bytes())
            yield pa.record_batch(
                {
                    "at": pa.array(times, pa.timestamp("us", tz="UTC")),
                    "x": np.repeat(rng.normal(size=ROWS // copies), copies),
                    "site": pa.array(["s" * 100] * ROWS),
                }
            )

    before = pa.total_allocated_bytes()
    sample = draw(batches(60), ["x", "site"], 2 * ROWS)
    assert sample["total"] == 60 * ROWS
    assert sample["table"].num_rows == 2 * ROWS
    assert sample["categories"] == {"site": {"s" * 100: 60 * ROWS}}
    size = sample["table"].nbytes
    assert max(held) - before < 6 * size
    assert max(held[30:]) < 1.5 * max(held[:30])


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    duels = Duels(sandbox)
    labelled = rows(30_000).to_pandas().dropna()
    model = LinearRegression().fit(labelled[["x", "z"]].to_numpy(), labelled["y"].to_numpy())
    about = duels.put_model("watch-memory", model)
    env = environment(tmp_path, **sandbox.env)
    peaks: dict[int, dict[str, float]] = {}
    for count in (30_000, 300_000, 1_500_000):
        table = duels.put_table(rows(count))
        given: dict[str, Any] = watch_parameters(duels, table, batch_size=10_000, **about)
        given |= {"drift_columns": ["x", "z", "w", "kind"], "drift_rows": 20_000}
        given |= {"cluster_column": "", "max_rows_per_day": 0, "drift_until": ""}
        given |= dict.fromkeys(
            ("request_log", "endpoint", "deployed_model_id", "reference_start"), ""
        )
        peaks[count] = peaks_of(given, tmp_path, env, count)
    print("peak MiB by rows:", peaks)
    for task, peak in peaks[1_500_000].items():
        assert peak < 1.15 * peaks[300_000][task], task


def peaks_of(
    given: dict[str, Any], folder: Path, env: dict[str, str], count: int
) -> dict[str, float]:
    """The peak memory of each task in MiB; `count` is that of the table's rows."""
    about = {"role": "champion", "uri": given["champion_uri"], "sha256": given["champion_sha256"]}
    paths = {name: str(folder / name) for name in ("rows", "champion", "measured", "drift")}
    found, read = run_step(SPEC, "read-rows", given, {"rows": (paths["rows"], {})}, env)
    files = {"rows": (paths["rows"], found["rows"])}
    output = {"predictions": (paths["champion"], {})}
    _, scored = run_step(SPEC, "score", given | about, files | output, env)
    files |= {"champion": (paths["champion"], {}), "report": (paths["measured"], {})}
    found, measured = run_step(SPEC, "measure", given, files, env)
    assert found["report"]["evidence"]["n"] > 0.6 * count, "most of the rows are measured"
    output = {"report": (paths["drift"], {})}
    found, compared = run_step(SPEC, "compare-distributions", given, output, env)
    assert found["report"]["data_drift"]["columns"][0]["n_recent"] == 20_000
    return {
        "read-rows": read.peak,
        "score-champion": scored.peak,
        "measure": measured.peak,
        "compare-distributions": compared.peak,
    }
