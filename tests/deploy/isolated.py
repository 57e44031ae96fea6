"""A Python process with the folders of a bucket and without this project's installation."""

import os
import subprocess
import sys
from pathlib import Path

HIDE_INSTALLATION = """
import sys
# This project's own installation, which no Composer has.
sys.meta_path = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")]
"""


def run_isolated(script: str, gcs: Path, *arguments: str) -> str:
    """What the script prints, with Airflow's folders in `gcs`, which is its first argument."""
    result = subprocess.run(
        [sys.executable, "-I", "-c", HIDE_INSTALLATION + script, str(gcs), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=gcs,
        env=os.environ
        | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(gcs / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(gcs / "plugins"),
        },
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
