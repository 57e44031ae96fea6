"""Both DAGs in an Airflow without the OpenLineage provider: a process that cannot import it."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from textwrap import dedent

import pytest

from sandbox.services.processes import inherited
from tests.conftest import DAGS_FOLDER, REPOSITORY
from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import contested as contested

# Prints what was asked for, what was imported, and the states of the tasks.
PROGRAM = dedent("""
    import json, sys
    from datetime import datetime, timedelta

    import importlib_metadata as metadata  # by which Airflow finds its providers

    asked = []

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.startswith(("openlineage", "airflow.providers.openlineage")):
                asked.append(name)
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Absent())
    installed = metadata.distributions
    metadata.distributions = lambda **query: (
        one for one in installed(**query) if "openlineage" not in (one.name or "")
    )

    from airflow.dag_processing.dagbag import DagBag
    from titleholder.operators import base

    base.SHORTEST_DEFERRAL = timedelta(seconds=1)
    bag = DagBag(sys.argv[1])
    states = {}
    for dag_id, date in json.loads(sys.argv[2]).items():
        run = bag.dags[dag_id].test(logical_date=datetime.fromisoformat(date))
        states |= {f"{dag_id}.{one.task_id}": one.state for one in run.get_task_instances()}
    imported = [name for name in sys.modules if name.startswith("titleholder.lineage.")]
    print(json.dumps({"asked": asked, "imported": imported, "states": states}))
""")


@pytest.mark.long
def test_both_dags_run_and_ask_for_nothing_of_it(
    contested: Callable[..., Model], airflow_environ: dict[str, str], google: Google
) -> None:
    made = contested(duel={"feature_columns": ["better"]})
    dates = {
        f"{made.name}__train": LAST_MONDAY.isoformat(),
        f"{made.name}__rollout": datetime.now(UTC).isoformat(),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(DAGS_FOLDER), json.dumps(dates)],
        env={**inherited(), **airflow_environ, "PYTHONPATH": str(REPOSITORY / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["states"].values()) == {"success"}
    assert len(found["states"]) == 9
    assert found["asked"] == []
    assert "titleholder.lineage.tasks" in found["imported"]
    assert "titleholder.lineage.openlineage" not in found["imported"]
