"""A duel, beside scoring each of the two models alone, as one does by hand."""

import hashlib
import io
from datetime import timedelta
from typing import Any

import joblib
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sandbox.linnerud import weeks
from tests.bench.alternatives.our_way import FEATURES, TARGETS
from tests.bench.measuring import Cost, Options, call, environment, in_turn
from tests.bench.results import Bar, Table
from tests.bench.rows import START, WEEK, put
from tests.bench.sandbox import Sandbox, running

SIZES = (100_000, 1_000_000, 3_000_000)
BESIDE = 1_000_000


def measure(options: Options) -> Table:
    """Time at a million rows, memory at fewer and more."""
    rows, peaks, part = [], {}, 0.0
    with running(options.home) as sandbox:
        env = environment(options.home, **sandbox.env)
        models = put_models(sandbox)
        for size in SIZES[:2] if options.quick else SIZES:
            with sandbox.bigquery() as client:
                given = parameters(sandbox, put(client, size)) | models

            def duel(given: Any = given, size: int = size) -> Cost:
                path = str(options.home / "report.html")
                found, cost = call("alternatives.scoring:duel", given, path, env=env)
                if found["n"] != size:
                    raise RuntimeError(f"the duel scored {found['n']} of {size} rows")
                return cost

            def alone(role: str, given: Any = given) -> Cost:
                return call("alternatives.scoring:alone", given, role, env=env)[1]

            ways = {"duel": duel}
            if size == BESIDE:
                ways["the champion alone"] = lambda: alone("champion")
                ways["the challenger alone"] = lambda: alone("challenger")
            costs = in_turn(min(options.rounds, 3 if size == BESIDE else 1), ways)
            peaks[size] = costs["duel"].peak
            rows += [
                (what, f"{size:,}", f"{cost.seconds:.2f}", f"{cost.peak:.0f}")
                for what, cost in costs.items()
            ]
            if size == BESIDE:
                ours, *others = (cost.seconds for cost in costs.values())
                part = ours / sum(others)
    return Table(
        "A duel, and each model scored alone",
        ("", "rows", "s", "peak MiB"),
        rows,
        [
            Bar(f"the duel beside the two, {BESIDE:,} rows", part, 1.2),
            Bar(
                f"its peak memory at {max(peaks):,} rows beside {min(peaks):,}",
                peaks[max(peaks)] / peaks[min(peaks)],
                1.25,
            ),
        ],
        [
            "With imports and the model's download. By hand: all rows in one data frame, the mean "
            "absolute error. The duel also compares row by row and draws its report.",
        ],
    )


def put_models(sandbox: Sandbox) -> dict[str, str]:
    """Two networks in the bucket, the champion of half the rows; what a duel is told of them."""
    week = weeks(START + WEEK, count=1)
    features, targets = (week.select(names).to_pandas().to_numpy() for names in (FEATURES, TARGETS))
    given = {}
    for role, rows in (("champion", 1_000), ("challenger", 2_000)):
        network = MLPRegressor(max_iter=500, early_stopping=True, random_state=0)
        model = TransformedTargetRegressor(
            Pipeline([("scale", StandardScaler()), ("network", network)]),
            transformer=StandardScaler(),
        ).fit(features[:rows], targets[:rows])
        file = io.BytesIO()
        joblib.dump(model, file)
        blob = sandbox.bucket().blob(f"bench/{role}/model.joblib")
        blob.upload_from_string(file.getvalue())
        given[f"{role}_uri"] = f"gs://{sandbox.bucket().name}/bench/{role}"
        given[f"{role}_sha256"] = hashlib.sha256(file.getvalue()).hexdigest()
    return given


def parameters(sandbox: Sandbox, table: str) -> dict[str, Any]:
    """What the step `compare` is given, but for the models."""
    return {
        "project": sandbox.project,
        "source_table": table,
        "timestamp_column": "measured_at",
        "feature_columns": FEATURES,
        "target_columns": TARGETS,
        "deciding_target": TARGETS[0],
        "metric": "absolute",
        "champion_data_until": (START - timedelta(weeks=1)).isoformat(),
        "challenger_data_until": START.isoformat(),
        "labels_until": (START + WEEK).isoformat(),
        "artifact_root": f"gs://{sandbox.bucket().name}/bench",
        "batch_size": 10_000,
    }
