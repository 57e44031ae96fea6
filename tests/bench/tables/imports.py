"""The cost of importing the DAG file, which Airflow does repeatedly."""

from tests.bench.measuring import Options, call, environment, in_turn
from tests.bench.results import Bar, Table

WAYS = {
    "`import airflow.sdk`": "bare",
    "`dags/titleholder_dags.py`": "ours",
    "the same tasks by the google provider's operators": "providers",
    "`import airflow.sdk` with the google provider's hook": "hook",
    "and with Vertex AI's client": "vertex",
    "and with BigQuery's client": "bigquery",
}


def measure(options: Options) -> Table:
    """Time and memory of each, bytecode cached."""
    env = environment(options.home)

    def way(name: str) -> object:
        return lambda: call(f"alternatives.imports:{name}", env=env)[1]

    costs = in_turn(options.rounds, {what: way(name) for what, name in WAYS.items()})
    bare, ours, provider, *_ = costs.values()
    return Table(
        "Importing the DAG file",
        ("", "s", "ratio", "peak MiB", "ratio"),
        [
            (
                what,
                f"{cost.cpu:.2f}",
                f"{cost.cpu / bare.cpu:.2f}",
                f"{cost.peak:.0f}",
                f"{cost.peak / bare.peak:.2f}",
            )
            for what, cost in costs.items()
        ],
        [
            Bar("the DAG file beside a bare `import airflow.sdk`", ours.cpu / bare.cpu, 1.15),
            Bar(
                "the provider's operators beside the DAG file",
                provider.cpu / ours.cpu,
                2.5,
                at_least=True,
            ),
            Bar("its peak memory beside the provider's", ours.peak / provider.peak, 0.5),
        ],
        [
            "Seconds of processor, so that other work on the machine counts little. Hook and "
            "clients are imported by the tasks that call Google, when they do."
        ],
    )
