"""One Airflow for the tests of this folder, as its start costs more than most of them."""

from collections.abc import Iterator

import pytest

from tests.conftest import Sandbox
from tests.dags.real_airflow.client import Airflow, running
from tests.sink import Sink, sink


@pytest.fixture(scope="package")
def airflow(sandbox: Sandbox, airflow_environ: dict[str, str]) -> Iterator[Airflow]:
    """A real Airflow with the sandbox, until the last test of this folder."""
    with running(sandbox, airflow_environ) as started:
        yield started


@pytest.fixture
def airflow_webhook(airflow: Airflow) -> Iterator[Sink]:
    """A webhook for the connection that the DAGs use, created as a user does in the UI."""
    with sink() as webhook:
        name = "titleholder_alerts"
        connection = {"connection_id": name, "conn_type": "http", "password": webhook.url}
        airflow.call("POST", "/connections", connection)
        try:
            yield webhook
        finally:
            airflow.call("DELETE", f"/connections/{name}")
