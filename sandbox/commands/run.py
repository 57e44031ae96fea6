"""`python -m sandbox.commands.run MODEL`: the weekly DAG of a model, over its last data intervals.

Needs a sandbox that is up, and the model's source in its BigQuery (`sandbox.commands.load`). The
DAGs run in this process by Airflow's own `dag.test()`; what they log goes to a file.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.commands.demo import output_to
from sandbox.replay.dag_runner import NoSuchDag, find_dag, run_interval
from sandbox.services import airflow
from sandbox.services.processes import inherited
from sandbox.state import REPOSITORY, Home, State
from titleholder.config.loader import load_model_by_name
from titleholder.config.model import ModelConfig
from titleholder.errors import ConfigError
from titleholder.intervals import Interval, last_complete


def main(arguments: list[str] | None = None) -> int:
    """Play the last `--runs` intervals, oldest first, then, with `--judge`, one daily run; 0 when
    all of them succeeded. 1 with a sentence a fault, and nothing done, when the model is not one.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox.commands.run", description=__doc__)
    parser.add_argument("model", help="the name of a YAML file in dags/models")
    parser.add_argument("--runs", type=int, default=2, help="of how many intervals (default 2)")
    parser.add_argument("--judge", action="store_true", help="then let a duel judge the challenger")
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--dags", type=Path, default=REPOSITORY / "dags")
    options = parser.parse_args(arguments)
    home = Home(options.var.resolve())
    state = home.load()
    if "vertex" not in state.processes:
        print("the sandbox is not up; run `python -m sandbox up` first", file=sys.stderr)
        return 1
    environ = airflow.environment(home.airflow, state, options.dags.resolve())
    kept = inherited()
    os.environ.clear()
    os.environ.update(kept | environ)
    try:
        config = load_model_by_name(options.dags / "models", options.model)
        if options.judge and config.duel is None:
            raise ConfigError(f"{options.model}.yaml: duel: is missing; add it, or drop --judge")
        return 0 if _play(config, options.runs, options.judge, state, home.log("run")) else 1
    except (ConfigError, NoSuchDag) as error:
        print(error, file=sys.stderr)
        return 1


def _play(config: ModelConfig, runs: int, judge: bool, state: State, log: Path) -> bool:
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
        well = all(
            run_interval(train, one.end, terminal, log, f"data of {one}")
            for one in last_intervals(config.schedule, runs, now)
        )
        if well and judge:
            well = run_interval(
                f"{config.model}__rollout", now, terminal, log, "champion and challenger"
            )
    print()
    found = report.endpoints(state)
    changes = report.last_changes(state, found)
    for endpoint in found:
        if endpoint["displayName"] == config.endpoint.display_name:
            print("\n".join(report.lines(endpoint, changes.get(endpoint["name"], ""))))
            print(f"\nIt answers at {report.predict_url(state, endpoint)}")
    return well


def last_intervals(cron: str, count: int, now: datetime) -> list[Interval]:
    """The last `count` intervals between fire times of `cron` that are over, oldest first."""
    found: list[Interval] = []
    for _ in range(count):
        found.insert(0, last_complete(cron, found[0].start if found else now))
    return found


if __name__ == "__main__":
    sys.exit(main())
