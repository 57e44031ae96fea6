"""How much memory the step `compare` takes, in processes of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from tests.conftest import Sandbox
from tests.pipeline.duels import Duels, rows

SCRIPT = """
import json, pathlib, sys
from kfp import dsl
from pipeline.components.compare import compare
found = compare.python_func(report=dsl.HTML(uri=sys.argv[2]), **json.loads(sys.argv[1]))
print(found[0], pathlib.Path("/proc/self/status").read_text())
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    duels = Duels(sandbox)
    few = rows(30_000)
    labelled = few.to_pandas().dropna()
    model = LinearRegression().fit(labelled[["x", "z"]].to_numpy(), labelled["y"].to_numpy())
    models = duels.put_model("memory", model) | duels.put_model("memory", model, "challenger")
    peaks = {}
    for count in (30_000, 300_000, 3_000_000):
        values = duels.parameters(duels.put_table(rows(count)), batch_size=10_000, **models)
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(values), str(tmp_path / "report.html")],
            env={**os.environ, **sandbox.env},
            check=True,
            capture_output=True,
            text=True,
        )
        assert int(result.stdout.split()[0]) > 0.6 * count, "most of the rows are compared"
        peaks[count] = int(re.findall(r"VmHWM:\s+(\d+) kB", result.stdout)[0]) / 1024
    print("peak MiB by rows:", peaks)
    assert peaks[300_000] < 1.15 * peaks[30_000]
    assert peaks[3_000_000] < 1.15 * peaks[300_000]
