"""Ways to come by the four tasks, each for a process of its own."""

import importlib.util
from pathlib import Path
from types import ModuleType

ALTERNATIVES = Path(__file__).parent
DAGS = ALTERNATIVES.parents[2] / "dags"


def bare() -> None:
    """What any DAG file imports at least."""
    import airflow.sdk  # noqa: F401


def ours() -> None:
    """This project's DAG file, with its one model."""
    execute(DAGS / "titleholder_dags.py")


def providers() -> None:
    """The same four tasks by the google provider's own operators."""
    execute(ALTERNATIVES / "provider_dag.py")


def hook() -> None:
    """What each of the tasks has its credentials from."""
    bare()
    import airflow.providers.google.common.hooks.base_google  # noqa: F401


def vertex() -> None:
    """And the client that three of the tasks import, of all of Vertex AI's services."""
    hook()
    import google.cloud.aiplatform_v1  # noqa: F401


def bigquery() -> None:
    """And the client of the source and of the events table, which three import."""
    vertex()
    import google.cloud.bigquery  # noqa: F401


def execute(path: Path) -> ModuleType:
    """As Airflow does: a module of its own, its bytecode cached."""
    spec = importlib.util.spec_from_file_location("measured", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
