"""`python -m sandbox run MODEL`: run a model's DAGs over its last data intervals."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.next_steps import after_run
from sandbox.replay.dag_runner import NoSuchDag, find_dag, output_to
from sandbox.replay.run_report import RunReport
from sandbox.services import airflow
from sandbox.state import Home, State
from sandbox.terminal import Terminal
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
    airflow.enter_environment(home, state, options.dags)
    models = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / "models"
    try:
        config = load_model_by_name(models, options.model)
        if options.evaluate and config.duel is None:
            raise ConfigError(f"{options.model}.yaml: duel: is missing; add it, or drop --evaluate")
        terminal = Terminal(os.fdopen(os.dup(1), "w", buffering=1))
        succeeded = _run_intervals(config, options.runs, options.evaluate, home, state, terminal)
    except (ConfigError, NoSuchDag) as error:
        print(error, file=sys.stderr)
        return 1
    for endpoint in report.print_endpoints(state, terminal, config.endpoint.display_name):
        # Without a model a prediction is refused.
        if endpoint.get("trafficSplit"):
            terminal.item([("predict", "dim")], report.predict_url(state, endpoint), 11)
    after_run(home, state, terminal)
    return 0 if succeeded else 1


def _run_intervals(
    config: ModelConfig, runs: int, evaluate: bool, home: Home, state: State, terminal: Terminal
) -> bool:
    migration = airflow.Migration(home, dict(os.environ))
    train, now = f"{config.model}__train", datetime.now(UTC)
    with output_to(home.log("run")):
        with terminal.progress("preparing Airflow"):
            try:
                find_dag(train)
            finally:
                migrated = migration.succeeded()
        if not migrated:
            terminal.print("`airflow db migrate` failed; run it to see why")
            return False
        report_runs = RunReport(state, terminal)
        succeeded = all(
            report_runs.run_interval(train, interval.end, f"data of {interval}")
            for interval in last_intervals(config.schedule.cron, runs, now)
        )
        if succeeded and evaluate:
            succeeded = report_runs.run_interval(
                f"{config.model}__rollout", now, "champion and challenger"
            )
    return succeeded


def last_intervals(cron: str, count: int, now: datetime) -> list[Interval]:
    """The last `count` complete intervals between fire times of `cron`, oldest first."""
    found: list[Interval] = []
    for _ in range(count):
        found.insert(0, last_complete(cron, found[0].start if found else now))
    return found
