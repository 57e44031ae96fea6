"""DAG folders with many models."""

import os
import shutil
import time
from pathlib import Path

import yaml

from tests.bench.alternatives.imports import execute
from tests.bench.measuring import REPOSITORY

_DAG_ID = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"  # set by Airflow in a task's process


def write(folder: Path, count: int) -> Path:
    """A DAG folder with this project's DAG file and `count` models like the example."""
    dags = REPOSITORY / "dags"
    (folder / "models").mkdir(parents=True)
    shutil.copy(dags / "titleholder_dags.py", folder)
    raw = yaml.safe_load((dags / "models" / "linnerud.yaml").read_text())
    for number in range(count):
        raw["model"] = raw["endpoint"]["display_name"] = name = f"m{number:03}"
        (folder / "models" / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    return folder / "titleholder_dags.py"


def parse(file: str, dag_id: str = "") -> dict[str, float]:
    """The number of DAGs in the file, and the processor seconds of its models: a first parse,
    without models, has done the imports."""
    empty = Path(file).parent.parent / "empty" / "titleholder_dags.py"
    execute(empty)
    if dag_id:
        os.environ[_DAG_ID] = dag_id
    busy = time.process_time()
    module = execute(Path(file))
    cpu = time.process_time() - busy
    return {
        "cpu": cpu,
        "dags": sum(name.endswith(("__train", "__rollout")) for name in vars(module)),
    }
