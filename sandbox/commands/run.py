"""`python -m sandbox run MODEL`: run a model's DAGs over its last data intervals."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.replay.dag_runner import NoSuchDag, find_dag, output_to, run_interval
from sandbox.services import airflow
from sandbox.state import Home, State
from titleholder.config.loader import load_model_by_name
from titleholder.config.model import ModelConfig
from titleholder.data_intervals import Interval, last_complete
from titleholder.errors import ConfigError


def run(home: Home, options: argparse.Namespace) -> int:
    """Run the last `--runs` intervals, oldest first, then with `--evaluate` one daily run.

    0 if every run succeeded. For an invalid model, print one sentence per error, change nothing
    and return 1.
    """
    state = home.load_running()
    airflow.enter_environment(home.airflow, state, options.dags)
    models = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / "models"
    try:
        config = load_model_by_name(models, options.model)
        if options.evaluate and config.duel is None:
            raise ConfigError(f"{options.model}.yaml: duel: is missing; add it, or drop --evaluate")
        log = home.log("run")
        return 0 if _run_intervals(config, options.runs, options.evaluate, state, log) else 1
    except (ConfigError, NoSuchDag) as error:
        print(error, file=sys.stderr)
        return 1


def _run_intervals(config: ModelConfig, runs: int, evaluate: bool, state: State, log: Path) -> bool:
    terminal = os.fdopen(os.dup(1), "w", buffering=1)
    migration = airflow.migrate(dict(os.environ))
    print(f"The log of the runs: {log}")
    train, now = f"{config.model}__train", datetime.now(UTC)
    with output_to(log):
        try:
            find_dag(train)
        finally:
            migrated = migration.wait() == 0
        if not migrated:
            print("`airflow db migrate` failed; run it to see why", file=terminal)
            return False
        succeeded = all(
            run_interval(train, interval.end, terminal, log, f"data of {interval}")
            for interval in last_intervals(config.schedule, runs, now)
        )
        if succeeded and evaluate:
            succeeded = run_interval(
                f"{config.model}__rollout", now, terminal, log, "champion and challenger"
            )
    print()
    for endpoint, text in report.described(state):
        if endpoint["displayName"] == config.endpoint.display_name:
            print(text)
            print(f"\nPrediction URL: {report.predict_url(state, endpoint)}")
    return succeeded


def last_intervals(cron: str, count: int, now: datetime) -> list[Interval]:
    """The last `count` complete intervals between fire times of `cron`, oldest first."""
    found: list[Interval] = []
    for _ in range(count):
        found.insert(0, last_complete(cron, found[0].start if found else now))
    return found
