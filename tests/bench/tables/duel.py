"""A duel compared with scoring each of its models alone."""

import statistics
from collections.abc import Iterable
from typing import Any

import joblib

from model_server.artifact import artifact_digest
from tests.bench.alternatives.duels import FEATURES, TARGETS
from tests.bench.duel_steps import run_duel
from tests.bench.measuring import Cost, Options, call, environment, middle
from tests.bench.predictions import model
from tests.bench.results import Bar, Table
from tests.bench.rows import WINDOW, put
from tests.bench.sandbox import running

SIZES = (100_000, 1_000_000)


def measure(options: Options) -> Table:
    """Wall-clock seconds and peak memory: the steps of the duel, one after the other, against the
    sum of two scripts that read the rows, predict and average."""
    file = options.home / "model" / "model.joblib"
    file.parent.mkdir()
    joblib.dump(model(), file)
    start, end = WINDOW
    rounds = 1 if options.quick else min(3, options.rounds)
    costs: dict[int, tuple[Cost, Cost]] = {}
    ratios: dict[int, float] = {}
    with running(options.home) as sandbox:
        env = environment(options.home, **sandbox.env)
        with sandbox.bigquery() as client:
            tables = {size: put(client, size) for size in SIZES}
        sandbox.bucket().blob("bench/model.joblib").upload_from_filename(str(file))
        root = f"gs://{sandbox.project}-titleholder"
        both = {"uri": f"{root}/bench", "sha256": artifact_digest(file.parent)}
        for size, table in tables.items():
            given: dict[str, Any] = {
                "project": sandbox.project,
                "source_table": table,
                "timestamp_column": "measured_at",
                "feature_columns": FEATURES,
                "target_columns": TARGETS,
                "primary_target": TARGETS[0],
                "loss": "absolute",
                "labels_until": end,
                "artifact_root": root,
                "batch_size": 10_000,
            }
            for role in ("champion", "challenger"):
                given[f"{role}_data_interval_end"] = start
                given |= {f"{role}_{name}": value for name, value in both.items()}
            by_hand = (sandbox.project, table, start, end, str(file))
            seen: list[tuple[Cost, Cost, Cost]] = []
            for _ in range(rounds):
                duel, steps = run_duel(given, options.home, env)
                ours = total(steps.values())
                one, first = call("alternatives.duels:alone", *by_hand, env=env)
                _, second = call("alternatives.duels:alone", *by_hand, env=env)
                if duel["n"] != one["n"] or abs(duel["challenger_loss"] - one["loss"]) > 1e-6 * abs(
                    one["loss"]
                ):
                    raise RuntimeError(f"the duel says {duel}, by hand it is {one}")
                seen.append((ours, first, second))
            ratios[size] = statistics.median(
                ours.seconds / (first.seconds + second.seconds) for ours, first, second in seen
            )
            costs[size] = (
                middle([ours for ours, _, _ in seen]),
                middle([total((first, second)) for _, first, second in seen]),
            )
    less, most = SIZES
    rows = []
    for size, (ours, two) in costs.items():
        for what, cost, ratio in (
            ("each model alone, by hand", two, 1.0),
            ("the duel", ours, ratios[size]),
        ):
            cells = (f"{size:,}", f"{cost.seconds:.1f}", f"{ratio:.2f}", f"{cost.peak:.0f}")
            rows.append((what, *cells))
    return Table(
        "A duel",
        ("", "rows", "s", "ratio", "peak MiB"),
        rows,
        [
            Bar(f"at {most:,} rows, beside the two alone", ratios[most], 1.2),
            Bar(
                f"peak memory at {most:,} rows beside {less:,}",
                costs[most][0].peak / costs[less][0].peak,
                1.25,
            ),
        ],
        [
            "By hand: one script a model that reads the rows, predicts and averages the losses. "
            "The duel: the seconds of its four steps, of which Vertex AI runs the two that score "
            "side by side, and the peak of the largest."
        ],
    )


def total(costs: Iterable[Cost]) -> Cost:
    """The cost of processes one after the other."""
    every = list(costs)
    return Cost(
        sum(one.seconds for one in every),
        sum(one.cpu for one in every),
        max(one.peak for one in every),
    )
