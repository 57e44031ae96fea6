"""Imports for the four tasks, each for a process of its own."""

import importlib.util
from pathlib import Path
from types import ModuleType

ALTERNATIVES = Path(__file__).parent
DAGS = ALTERNATIVES.parents[2] / "dags"


def bare() -> None:
    """The least that a DAG file imports."""
    import airflow.sdk  # noqa: F401


def ours() -> None:
    """This project's DAG file, with its one model."""
    execute(DAGS / "titleholder_dags.py")


def providers() -> None:
    """The same four tasks by the google provider's own operators."""
    execute(ALTERNATIVES / "provider_dag.py")


def hook() -> None:
    """The hook that has the credentials for each task."""
    bare()
    import airflow.providers.google.common.hooks.base_google  # noqa: F401


def vertex() -> None:
    """The hook and Vertex AI's client, which three of the tasks import."""
    hook()
    import google.cloud.aiplatform_v1  # noqa: F401


def bigquery() -> None:
    """Those and BigQuery's client, which three of the tasks import."""
    vertex()
    import google.cloud.bigquery  # noqa: F401


def execute(path: Path) -> ModuleType:
    """Import the file as Airflow does: as a module, with cached bytecode."""
    spec = importlib.util.spec_from_file_location("measured", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
