"""The weekly run in a real Airflow beside four empty tasks, and what it holds of workers."""

import statistics
from datetime import timedelta

from kfp import compiler

from tests.bench.alternatives.nothing import nothing
from tests.bench.desk import Desk, desk
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from titleholder.operators.base import next_look

EMPTY = """
from datetime import datetime
from airflow.sdk import dag, task

@dag(schedule=None, start_date=datetime(2020, 1, 1), catchup=False)
def empty():
    @task
    def nothing():
        pass
    nothing() >> nothing() >> nothing() >> nothing()

empty()
"""
HALF_HOUR = timedelta(minutes=30)


def measure(options: Options) -> Table:
    """Runs of past weeks, oldest first, each in turn with an empty one."""
    rounds = 2 if options.quick else options.rounds
    compiler.Compiler().compile(nothing, str(options.home / "nothing.yaml"))
    with desk(options.home, rounds + 3, options.home) as at:
        (at.dags / "empty.py").write_text(EMPTY)
        dag_id = at.add("weekly", pipeline={"template": "nothing.yaml"}, duel=None)
        for one in ("empty", dag_id):
            at.start(one)
        # The newest week is that of the scheduled run. The first makes the endpoint.
        backs = range(rounds + 2, 1, -1)
        runs = [
            (*_ours(at, dag_id, back), at.ended("empty", at.trigger("empty"))) for back in backs
        ]
    took, held, starts, empty = zip(*runs[1:], strict=True)
    look = statistics.median(seconds for one in starts for seconds in one)
    looks, elapsed = 0, timedelta(0)
    while elapsed < HALF_HOUR:
        elapsed, looks = elapsed + next_look(elapsed), looks + 1
    waiting, whole = looks * look, HALF_HOUR.total_seconds()
    rows = [
        ("the weekly run", f"{statistics.median(took):.1f}"),
        ("four empty tasks", f"{statistics.median(empty):.1f}"),
        ("workers' slots that the run held", f"{statistics.median(held):.1f}"),
        (f"a pipeline of 30 minutes: {looks} looks of {look:.2f} s", f"{waiting:.0f}"),
        ("a worker that waits for it", f"{whole:.0f}"),
    ]
    ratio = statistics.median(ours / none for ours, none in zip(took, empty, strict=True))
    return Table(
        "The weekly run in a real Airflow, without training",
        ("", "s"),
        rows,
        [
            Bar("the run beside four empty tasks", ratio, 3),
            Bar("slots beside a worker that waits", 100 * waiting / whole, 2, " %"),
        ],
        [
            "The pipeline trains nothing. A slot is held from a worker's start to the "
            "end or the deferral, by the executor's log."
        ],
    )


def _ours(at: Desk, dag_id: str, back: int) -> tuple[float, float, list[float]]:
    before = len(at.slots())
    took = at.ended(dag_id, at.trigger(dag_id, back))
    starts = at.slots()[before:]
    return took, sum(starts), starts
