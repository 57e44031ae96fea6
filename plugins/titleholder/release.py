"""The folders of the models' files and of the compiled pipelines, in a checkout and deployed.

`make deploy` uploads this package and the models to one folder `plugins/titleholder-<digest>` of
the environment's bucket, with a file `release.json` in the package: `{"pipelines": {name: file}}`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

# In the bucket of a Composer environment, which its workers mount as /home/airflow/gcs.
TEMPLATES_PATH = "data/titleholder/pipelines"
RELEASE_FILE = "release.json"
PACKAGE = Path(__file__).resolve().parent


def checkout(package: Path = PACKAGE) -> Path:
    """The folder of the checkout that the package is in; for an installed package the current
    folder, as the relative path `.`."""
    return package.parents[1] if package.parent.name == "plugins" else Path()


DAGS_FOLDER = checkout() / "dags"


def models_dir(dag_file: str, package: Path = PACKAGE) -> Path:
    """The folder of the models' files: the release's own, else `models` beside the DAG file."""
    deployed = (package / RELEASE_FILE).exists()
    return package.parent / "models" if deployed else Path(dag_file).parent / "models"


def templates_dir(package: Path = PACKAGE) -> tuple[Path, Mapping[str, str]]:
    """The folder of the compiled pipelines (TITLEHOLDER_TEMPLATE_DIR if set), and the file name of
    each pipeline of this release in it; no names in a checkout."""
    names: dict[str, str] = {}
    folder = checkout(package) / "pipeline/compiled"
    if (package / RELEASE_FILE).exists():
        names = json.loads((package / RELEASE_FILE).read_bytes())["pipelines"]
        # From plugins/titleholder-<digest>/titleholder.
        folder = package.parents[2] / TEMPLATES_PATH
    return Path(os.environ.get("TITLEHOLDER_TEMPLATE_DIR", folder)), names
