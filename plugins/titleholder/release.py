"""Where the models' files and the compiled pipelines lie: in a checkout, and once deployed.

`make deploy` puts this package and the models into one folder `plugins/titleholder-<digest>` of the
environment's bucket, with a file `release.json` in the package: `{"pipelines": {name: file}}`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

# Below the bucket of a Composer environment, which its workers see as /home/airflow/gcs.
PIPELINES = "data/titleholder/pipelines"
NOTE = "release.json"
PACKAGE = Path(__file__).resolve().parent


def models_dir(dag_file: str, package: Path = PACKAGE) -> Path:
    """The folder with the models' files: the release's own, else `models` beside the DAG file."""
    deployed = (package / NOTE).exists()
    return package.parent / "models" if deployed else Path(dag_file).parent / "models"


def templates_dir(package: Path = PACKAGE) -> tuple[Path, Mapping[str, str]]:
    """The folder with the compiled pipelines, which TITLEHOLDER_TEMPLATE_DIR may name, and under
    which name each of this release lies in it; no names in a checkout."""
    names: dict[str, str] = {}
    folder = package.parents[1] / "pipeline/compiled"
    if (package / NOTE).exists():
        names = json.loads((package / NOTE).read_bytes())["pipelines"]
        # From plugins/titleholder-<digest>/titleholder.
        folder = package.parents[2] / PIPELINES
    return Path(os.environ.get("TITLEHOLDER_TEMPLATE_DIR", folder)), names
