"""Shows every broken YAML file in `models` as an import error of Airflow's; holds no DAG.

A file of its own: Airflow stops scheduling all DAGs of a file that has an import error, and one
model's typing mistake must not stop the others.
"""

from titleholder.config.loader import load_models
from titleholder.release import models_dir

load_models(models_dir(__file__)).require_valid()
