"""The cost of one more model for the DAG processor, and of many models for a starting task."""

import statistics
from functools import partial

from tests.bench.alternatives.models import write
from tests.bench.measuring import Options, call, environment
from tests.bench.results import Bar, Table

COUNTS = (1, 10, 100, 500)


def measure(options: Options) -> Table:
    """The models' share of parsing, imports apart; and the same when a task of one model asks."""
    env = environment(options.home)
    write(options.home / "empty", 0)
    files = {count: str(write(options.home / str(count), count)) for count in COUNTS}
    parse = partial(call, "alternatives.models:parse", env=env)
    whole: dict[int, list[float]] = {count: [] for count in COUNTS}
    task: dict[int, list[float]] = {count: [] for count in COUNTS}
    peaks: dict[int, float] = {}
    dags: dict[int, int] = {}
    for _ in range(options.rounds):
        for count, file in files.items():
            found, cost = parse(file)
            whole[count].append(found["cpu"])
            peaks[count] = cost.peak
            if found["dags"] != 2 * count:
                raise RuntimeError(f"{count} models give {found['dags']} DAGs")
            found, _ = parse(file, "m000__train")
            task[count].append(found["cpu"])
            dags[count] = found["dags"]
    ms = {count: statistics.median(seen) * 1_000 for count, seen in whole.items()}
    starts = {count: statistics.median(seen) * 1_000 for count, seen in task.items()}
    a_model = {count: ms[count] / count for count in COUNTS}
    most = max(COUNTS)
    return Table(
        "Parsing many models",
        ("models", "ms", "ms a model", "peak MiB", "at a task's start, ms", "DAGs built then"),
        [
            (
                f"{count}",
                f"{ms[count]:.1f}",
                f"{a_model[count]:.2f}",
                f"{peaks[count]:.0f}",
                f"{starts[count]:.1f}",
                f"{dags[count]:.0f}",
            )
            for count in COUNTS
        ],
        [
            Bar(f"a model, of {most}", a_model[most], 4, " ms"),
            Bar(f"a model of {most} beside one of 10", a_model[most] / a_model[10], 1.25),
            Bar(f"DAGs built when a task of one of {most} starts", dags[most], 1, ""),
        ],
        ["Seconds of processor without the imports. A model is two DAGs of nine tasks."],
    )
