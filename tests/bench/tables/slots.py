"""The time for which a weekly run with a pipeline of half an hour occupies worker slots."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import yaml
from kfp import compiler

from tests.bench.airflow_bench import AirflowBench, airflow_bench
from tests.bench.alternatives.gated import gated
from tests.bench.alternatives.imports import ALTERNATIVES
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table

HALF_AN_HOUR = 1_800.0
EVERY = 0.02
TITLE = "airflow worker -- LocalExecutor: "


def measure(options: Options) -> Table:
    """One run under a real Airflow; its waits are cut short by moving the clock."""
    moved = options.home / "moved"
    moved.mkdir()
    given = {"MOVED": str(moved)}
    with airflow_bench(options.home, given) as bench:
        templates = options.home / "templates"
        compiler.Compiler().compile(gated, str(templates / "gated.yaml"))
        parameters = {"gate": str(moved / "gate")}
        bench.model("m0", 1)  # makes the table
        raw = yaml.safe_load((bench.dags / "models" / "m0.yaml").read_text())
        raw["model"] = raw["endpoint"]["display_name"] = "moved"
        raw["pipeline"] = {"template": "gated.yaml", "parameters": parameters}
        (bench.dags / "moved.yaml").write_text(yaml.safe_dump(raw))
        bench.airflow.run("m0__train")
        (bench.dags / "moved.py").write_text((ALTERNATIVES / "moved_dag.py").read_text())
        with _watching(bench) as worked:
            bench.airflow.start("moved")
            run = bench.airflow.run("moved")["dag_run_id"]
        tasks = bench.airflow.instances("moved", run)
    held = {task: worked[f"{TITLE}{found['id']}"] for task, found in tasks.items()}
    waits, ours = held["wait_for_pipeline"], sum(held.values())
    naive = HALF_AN_HOUR + ours - waits
    return Table(
        "Worker slots during a pipeline of 30 minutes",
        ("", "slot seconds", "share"),
        [
            ("a worker that waits", f"{naive:.0f}", "100 %"),
            ("the weekly run", f"{ours:.1f}", f"{ours / naive:.2%}"),
            *((f"task {task}", f"{n:.1f}", f"{n / naive:.2%}") for task, n in held.items()),
        ],
        [Bar("the weekly run beside a worker that waits", 100 * ours / naive, 2, " %")],
        [
            "A slot is held while a worker process says that it has a task. The clock of "
            "wait_for_pipeline is moved: its waits are short, and as many as ever."
        ],
    )


@contextmanager
def _watching(bench: AirflowBench) -> Iterator[Counter[str]]:
    """The seconds for which workers were busy, by their process titles."""
    held: Counter[str] = Counter()
    over = threading.Event()
    (scheduler,) = psutil.Process(bench.sandbox.pid("airflow-scheduler")).children()

    def watch() -> None:
        workers: list[psutil.Process] = []
        last, looked = time.monotonic(), 0.0
        while not over.wait(EVERY):
            now = time.monotonic()
            if now - looked > 1:
                workers, looked = scheduler.children(recursive=False), now
            for worker in workers:
                title = _title(worker)
                if title.startswith(TITLE) and "<idle>" not in title:
                    held[title] += now - last
            last = now

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield held
    finally:
        over.set()
        thread.join()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
