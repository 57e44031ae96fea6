"""Google Cloud on this machine: BigQuery, Cloud Storage, Vertex AI and Airflow on loopback."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from sandbox.cli_types import location, project_id, seconds
from sandbox.endpoint_report import console_url, print_endpoints
from sandbox.next_steps import after_up, command
from sandbox.services import airflow, launch, postgres
from sandbox.services.processes import alive, stop, without_proxy
from sandbox.services.service_report import print_service
from sandbox.services.services import PORTS, Service, services
from sandbox.state import CHECKOUT, REPOSITORY, Home, State
from sandbox.terminal import Terminal

DEPLOY_SECONDS = 2.0
# As of `service NAME status` for a program that is not running (LSB, init script actions).
NOTHING_RUNS = 3


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 if it succeeded, otherwise 1, or 130 if it was interrupted, with one sentence
    on stderr."""
    options = make_parser().parse_args(arguments)
    home = Home(options.var.resolve())
    os.environ |= without_proxy(os.environ)
    try:
        if not CHECKOUT and (options.verb in (run, demo) or options.airflow or options.example):
            raise OSError(
                f"it runs the DAGs of a checkout, and is installed in {REPOSITORY}; run `make up` "
                "or `make run` in a checkout of Titleholder"
            )
        return int(options.verb(home, options))
    except OSError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop_all = f"`{command(home, 'down')}` stops the services that run"
        print(f"\nsandbox: interrupted; {stop_all}, or repeat the command", file=sys.stderr)
        return 130


def up(home: Home, options: argparse.Namespace) -> int:
    """Start the services that are not running, wait until all are healthy, and say what is next."""
    if home.has_foreign_files:
        raise OSError(f"{home.var} contains files of another program; name an empty folder")
    state = home.load()
    _set_project(state, options)
    with_airflow = options.airflow or "airflow" in state.processes
    names = [*PORTS, "airflow"] if with_airflow else PORTS
    launch.choose_ports(home, state, names, options.port)
    terminal = Terminal()
    found = _services(home, state, options)
    launch.start(home, state, found, terminal.progress)
    for service in found:
        again = command(home, "up --airflow" if service.name.startswith("airflow") else "up")
        launch.wait(home, state, service, again, terminal.progress)
        print_service(service, state, terminal)
        if service.name == "bigquery" and options.example:
            from sandbox.commands.example import load_missing

            load_missing(state, terminal)
    print_endpoints(state, terminal)
    if options.airflow:
        from titleholder.config.loader import load_models

        dags = options.dags or REPOSITORY / "dags"
        after_up(home, state, terminal, load_models(dags / "models").configs)
    return 0


def down(home: Home, options: argparse.Namespace) -> int:
    """Stop every process that `up` started, and keep the data."""
    state = home.load()
    running = sum(map(alive, state.processes.values()))
    # While they stop, Vertex AI writes its last prediction logs to BigQuery, and Airflow the states
    # of its tasks to PostgreSQL.
    called = ("bigquery", "storage", "postgres")
    stop([process for name, process in state.processes.items() if name not in called])
    stop([process for name, process in state.processes.items() if name in called])
    shutil.rmtree(home.sockets, ignore_errors=True)
    state.processes.clear()
    if state.ports:
        home.save(state)
    print(f"sandbox: {running} processes ended, data kept in {home.var / 'sandbox'}")
    return 0


def status(home: Home, options: argparse.Namespace) -> int:
    """Print the services and endpoints; 0 if all services that were started are healthy, 3 if none
    was started."""
    state, terminal = home.load(), Terminal()
    if not state.processes:
        starts = f"`{command(home, 'up')}` starts the services"
        terminal.print(f"nothing is running; {starts}")
        return NOTHING_RUNS
    all_healthy = True
    for service in _services(home, state, options):
        if service.name in state.processes:
            all_healthy = print_service(service, state, terminal) and all_healthy
    terminal.print()
    terminal.item(["addresses"], str(home.env_file), 12, indent=0)
    terminal.item(["pages"], console_url(state), 12, indent=0)
    print_endpoints(state, terminal)
    return 0 if all_healthy else 1


def reset(home: Home, options: argparse.Namespace) -> int:
    """Stop everything, and delete all data and logs; only the port numbers are kept."""
    if not home.owned:
        print("sandbox: there is nothing to delete")
        return 0
    down(home, options)
    for folder in (home.var / "sandbox", home.var / "logs", home.airflow):
        shutil.rmtree(folder, ignore_errors=True)
    home.save(State(ports=home.load().ports))
    print("sandbox: clean")
    return 0


# The other verbs need Airflow, Google's clients or scikit-learn, whose import takes seconds.


def load(home: Home, options: argparse.Namespace) -> int:
    """Load a Parquet file into a table of BigQuery, and replace the table's rows."""
    from sandbox.commands import load

    return load.load(home, options)


def run(home: Home, options: argparse.Namespace) -> int:
    """Run a model's DAGs in this process over its last data intervals."""
    from sandbox.commands import run

    return run.run(home, options)


def execute(home: Home, options: argparse.Namespace) -> int:
    """Run any program with its Google clients pointed at the sandbox: `exec python program.py`."""
    from sandbox.commands import execute

    return execute.execute(home, options)


def demo(home: Home, options: argparse.Namespace) -> int:
    """Load the example's data, run its DAGs over the last weeks, and request a prediction."""
    from sandbox.commands import demo

    return demo.demo(home, options)


def _set_project(state: State, options: argparse.Namespace) -> None:
    """Apply --project and --location; raises OSError while services run with other values."""
    project = options.project or state.project
    region = options.location or state.location
    if (project, region) != (state.project, state.location):
        if any(alive(running) for running in state.processes.values()):
            raise OSError(
                f"it is running as project {state.project} in {state.location}; run `python -m "
                f"sandbox down`, or `reset` to delete its data too, before `up` as {project} in "
                f"{region}"
            )
        state.project, state.location = project, region


def _services(home: Home, state: State, options: argparse.Namespace) -> list[Service]:
    result = services(home, state, options.deploy_seconds, options.faults, options.images)
    if CHECKOUT:
        result.append(postgres.service(home))  # created while the others start
    if options.airflow or "airflow" in state.processes:
        environ = airflow.environment(home, state, options.dags)
        result += airflow.services(home, environ, state)
    return result


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument(
        "--var", type=Path, default=Path("var"), help="the folder of all data (default var)"
    )
    parser.set_defaults(
        airflow=False,
        example=False,
        dags=None,
        deploy_seconds=DEPLOY_SECONDS,
        faults=False,
        images=None,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    parsers = {}
    for verb in (up, down, status, reset, execute, load, run, demo):
        name, text = {"execute": "exec"}.get(verb.__name__, verb.__name__), verb.__doc__
        parsers[name] = verbs.add_parser(name, help=text, description=text)
        parsers[name].set_defaults(verb=verb)

    add = parsers["up"].add_argument
    add("--project", type=project_id, help="project id (default titleholder-local)")
    add("--location", type=location, help="region (default us-central1)")
    add("--airflow", action="store_true", help="start Airflow, too")
    add(
        "--example",
        action="store_true",
        help="load the example's data, unless its table is there",
    )
    add("--dags", type=Path, help="another DAG folder for Airflow")
    add(
        "--deploy-seconds",
        type=seconds,
        default=DEPLOY_SECONDS,
        help=f"duration of a deployment (default {DEPLOY_SECONDS:g})",
    )
    add("--faults", action="store_true", help="for tests: faults on demand in Vertex AI")
    add("--images", type=Path, help="a file of further images (default images/sandbox.yaml)")
    add(
        "--port",
        action=_Ports,
        default={},
        metavar="NAME=NUMBER",
        help=f"a port for one of {', '.join([*PORTS, 'airflow'])} (default: a free one)",
    )
    add = parsers["exec"].add_argument
    add("command", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="the program")
    add = parsers["load"].add_argument
    add("table", metavar="DATASET.TABLE", help="the table to create")
    add("file", type=Path, help="a Parquet file")
    add = parsers["run"].add_argument
    add("model", help="the name of a YAML file in the DAG folder's models/")
    add("--runs", type=int, default=2, help="number of data intervals (default 2)")
    add("--evaluate", action="store_true", help="then evaluate the challenger by a duel")
    add("--dags", type=Path, help="another DAG folder")
    add = parsers["demo"].add_argument
    add("--weeks", type=int, default=2, help="number of weeks (default 2); 0 only loads the data")
    add("--dags", type=Path, help="another DAG folder")
    return parser


class _Ports(argparse.Action):
    def __call__(self, parser, namespace, values, option=None):  # type: ignore[no-untyped-def]
        name, _, number = values.partition("=")
        names = (*PORTS, "airflow")
        if name not in names or not number.isdigit():
            parser.error(f"--port {values}: use NAME=NUMBER, NAME one of {', '.join(names)}")
        namespace.port = {**namespace.port, name: int(number)}


if __name__ == "__main__":
    sys.exit(main())
