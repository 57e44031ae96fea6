"""`python -m sandbox.services.scheduler ARGUMENTS`: Airflow's scheduler, which has imported what
its tasks need. Their processes are forked from it, and need not import it again."""

import sys
from importlib import import_module

# Nothing of this repository, whose files may be edited while the scheduler runs.
LIBRARIES = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.task_runner",
    "google.cloud.aiplatform_v1",
    "google.cloud.bigquery",
    "google.cloud.storage",
)


def main() -> None:
    """Run `airflow scheduler` with the arguments of this process."""
    for name in LIBRARIES:
        import_module(name)
    sys.argv[1:1] = ["scheduler"]
    import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
