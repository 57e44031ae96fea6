"""The whole weekly run under a real Airflow, compared with four tasks that do nothing."""

import statistics

from tests.bench.airflow_bench import airflow_bench, seconds
from tests.bench.alternatives.imports import ALTERNATIVES
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table

TASKS = ("check_freshness", "submit_pipeline", "wait_for_pipeline", "update_traffic")


def measure(options: Options) -> Table:
    """Runs of both in turn. Each weekly one replaces the challenger of the one before."""
    rounds = 2 if options.quick else max(3, options.rounds)
    empty = (ALTERNATIVES / "empty_dag.py").read_text()
    idle, whole, training = [], [], []
    tasks: dict[str, list[float]] = {task: [] for task in TASKS}
    with airflow_bench(options.home, empty=empty) as bench:
        weekly = bench.model("weekly", 1)
        bench.airflow.start("empty")
        bench.ended("empty", bench.trigger("empty"))
        run_id = bench.airflow.run(weekly)["dag_run_id"]  # deploys a champion, and fills caches
        for _ in range(rounds):
            idle.append(seconds(bench.ended("empty", bench.trigger("empty"))))
            bench.airflow.clear(weekly, run_id)
            whole.append(seconds(bench.ended(weekly, run_id)))
            training.append(bench.job_seconds("weekly")[-1])
            for task, instance in bench.airflow.instances(weekly, run_id).items():
                tasks[task].append(seconds(instance))
    rest = [run - job for run, job in zip(whole, training, strict=True)]
    ratio = statistics.median(r / e for r, e in zip(rest, idle, strict=True))
    base = statistics.median(idle)

    def line(what: str, seen: list[float]) -> tuple[str, ...]:
        return what, f"{statistics.median(seen):.1f}", f"{statistics.median(seen) / base:.2f}"

    return Table(
        "The weekly run",
        ("", "s", "ratio"),
        [
            line("four empty tasks", idle),
            line("the weekly run", whole),
            line("its pipeline job", training),
            line("the weekly run without it", rest),
            *(line(f"task {task}", seen) for task, seen in tasks.items()),
        ],
        [Bar("the weekly run without its pipeline, beside four empty tasks", ratio, 3)],
        [
            "A task's time begins when its last attempt is sent to a worker. The pipeline trains "
            "nothing; the sandbox takes two seconds to deploy a model."
        ],
    )
