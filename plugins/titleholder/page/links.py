"""Where a reader can look further: Airflow's runs, and Google's console. No I/O.

Every function gives "" for what it does not recognise: names and URIs come from outside, and no
other scheme than https gets into a page by them.
"""

import re
from urllib.parse import quote

from titleholder.gcp.console import CONSOLE, endpoint_page, pipeline_page, version_page


def dag(airflow: str | None, dag_id: str) -> str:
    """A DAG in the UI at `airflow`: a base URL, "" on that server itself, None for nowhere."""
    return "" if airflow is None else f"{airflow.rstrip('/')}/dags/{quote(dag_id, safe='')}"


def run(airflow: str | None, name: str) -> str:
    """A dag run, as an event names it: `<dag id>/<run id>`."""
    dag_id, _, run_id = name.partition("/")
    if not run_id or not re.fullmatch(r"[\w.-]+__(train|rollout)", dag_id):
        return ""
    base = dag(airflow, dag_id)
    return base and f"{base}/runs/{quote(run_id, safe='')}"


# By their resource names.
job, endpoint = pipeline_page, endpoint_page


def version(endpoint_name: str, model: str) -> str:
    """The page of `<model>@<version>` in the registry beside that endpoint."""
    return version_page(endpoint_name, model) if re.fullmatch(r"[a-z0-9-]+@\d+", model) else ""


def stored(uri: str) -> str:
    """An object in Cloud Storage, by its gs:// URI."""
    found = re.fullmatch(r"gs://([a-z0-9._-]+)/(.+)", uri)
    return f"{CONSOLE}/storage/browser/_details/{found[1]}/{quote(found[2])}" if found else ""
