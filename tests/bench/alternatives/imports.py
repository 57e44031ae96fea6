"""Ways to come by the four tasks, each for a process of its own."""

import importlib.util
from pathlib import Path

ALTERNATIVES = Path(__file__).parent
DAGS = ALTERNATIVES.parents[2] / "dags"


def bare() -> None:
    """What any DAG file imports at least."""
    import airflow.sdk  # noqa: F401


def ours() -> None:
    """This project's DAG file, with its one model."""
    _execute(DAGS / "titleholder.py")


def providers() -> None:
    """The same four tasks by the google provider's own operators."""
    _execute(ALTERNATIVES / "provider_dag.py")


def _execute(path: Path) -> None:
    """As Airflow does: a module of its own, its bytecode cached."""
    spec = importlib.util.spec_from_file_location("measured", path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
