"""`python -m sandbox up|down|status|reset`: Google Cloud on one machine."""

import argparse
import shutil
import sys
from pathlib import Path

from sandbox import endpoint_report as report
from sandbox.cli_types import location, project_id, seconds
from sandbox.services import airflow
from sandbox.services.processes import alive, free_port, is_healthy, start, stop, wait_until_healthy
from sandbox.services.services import PORTS, Service, services
from sandbox.state import LOOPBACK, Home, State

HEALTH_SECONDS = 120.0


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when it did what it says, 1 with one sentence on stderr when not."""
    options = _parser().parse_args(arguments)
    home = Home(options.var.resolve())
    try:
        return int(options.verb(home, options))
    except OSError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1


def up(home: Home, options: argparse.Namespace) -> int:
    """Start what is not running yet, and return when every part is healthy."""
    if not home.owned and home.var.exists() and any(home.var.iterdir()):
        raise OSError(f"{home.var} holds things that are not the sandbox's; name an empty folder")
    state = home.load()
    _settle(state, options)
    names = [*PORTS, "airflow"] if options.airflow else list(PORTS)
    for name in names:
        owner = "bigquery" if name == "bigquery-storage" else name
        if not (owner in state.processes and alive(state.processes[owner])):
            wanted = options.port.get(name) or state.ports.get(name)
            state.ports[name] = free_port(wanted or (8080 if name == "airflow" else None))
    home.save(state)
    for part in _parts(home, state, options):
        running = state.processes.get(part.name)
        if running is None or not alive(running):
            part.prepare()
            running = state.processes[part.name] = start(
                part.command, part.environment, home.log(part.name)
            )
            home.save(state)
    for part in _parts(home, state, options):
        running, port = state.processes[part.name], state.ports.get(part.name)
        if not wait_until_healthy(running, part.health, port, HEALTH_SECONDS):
            print(
                f"sandbox: {part.title} did not become healthy at {' and '.join(part.health)}; "
                f"its log is {home.log(part.name)}; `python -m sandbox down` ends the rest",
                file=sys.stderr,
            )
            return 1
    return status(home, options)


def down(home: Home, options: argparse.Namespace) -> int:
    """End every process that `up` started; what the parts have stored stays."""
    state = home.load()
    running = {name: one for name, one in state.processes.items() if alive(one)}
    # Vertex AI writes the predictions that it still has to log to BigQuery.
    stop([one for name, one in running.items() if name not in ("bigquery", "storage")])
    stop([one for name, one in running.items() if name in ("bigquery", "storage")])
    state.processes.clear()
    if state.ports:
        home.save(state)
    print(f"sandbox: {len(running)} processes ended, data kept in {home.var / 'sandbox'}")
    return 0


def status(home: Home, options: argparse.Namespace) -> int:
    """Say what is running where; 0 when every part that was started is healthy."""
    state = home.load()
    all_fine = True
    for part in _parts(home, state, options) if state.processes else []:
        running = state.processes.get(part.name)
        if running is None:
            continue
        fine = is_healthy(running, part.health, state.ports.get(part.name))
        all_fine = all_fine and fine
        word = "healthy" if fine else "not healthy" if alive(running) else "ended"
        address = f"{LOOPBACK}:{state.ports[part.name]}" if part.name in state.ports else ""
        print(f"{part.title:24} {word:12} {address:18} pid {running.pid}")
    if not state.processes:
        print("sandbox: nothing is running")
        return 1
    print(f"addresses: {home.env_file}")
    found = report.endpoints(state)
    changes = report.last_changes(state, found)
    for endpoint in found:
        print("\n".join(report.lines(endpoint, changes.get(endpoint["name"], ""))))
    return 0 if all_fine else 1


def reset(home: Home, options: argparse.Namespace) -> int:
    """`down`, then delete everything that the parts have stored; only the ports stay."""
    if not home.owned:
        print(f"sandbox: {home.var} holds no sandbox, so there is nothing to clear")
        return 0
    down(home, options)
    for folder in (home.var / "sandbox", home.var / "logs", home.airflow):
        shutil.rmtree(folder, ignore_errors=True)
    home.save(State(ports=home.load().ports))
    print("sandbox: clean")
    return 0


def _settle(state: State, options: argparse.Namespace) -> None:
    """The project and region that are asked for; raises OSError while parts run with others."""
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


def _parts(home: Home, state: State, options: argparse.Namespace) -> list[Service]:
    result = services(home, state, options.deploy_seconds, options.faults)
    if options.airflow or "airflow" in state.processes:
        environ = airflow.environment(home.airflow, state, options.dags)
        result += airflow.parts(environ, state)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"), help="where everything is kept")
    parser.set_defaults(airflow=False, dags=None, deploy_seconds=2.0, faults=False)
    verbs = parser.add_subparsers(required=True, metavar="up|down|status|reset")
    for verb in (up, down, status, reset):
        sub = verbs.add_parser(verb.__name__, help=verb.__doc__)
        sub.set_defaults(verb=verb)
        if verb is up:
            sub.add_argument(
                "--project", type=project_id, help="its id (default titleholder-local)"
            )
            sub.add_argument("--location", type=location, help="region (default us-central1)")
            sub.add_argument("--airflow", action="store_true", help="a real Airflow as well")
            sub.add_argument("--dags", type=Path, help="another DAG folder for Airflow")
            sub.add_argument(
                "--deploy-seconds", type=seconds, default=2.0, help="how long a deploy takes"
            )
            sub.add_argument(
                "--faults", action="store_true", help="for tests: faults on demand in Vertex AI"
            )
            sub.add_argument(
                "--port",
                action=_Ports,
                default={},
                metavar="PART=NUMBER",
                help=f"a port for one of {', '.join([*PORTS, 'airflow'])} (default: a free one)",
            )
    return parser


class _Ports(argparse.Action):
    def __call__(self, parser, namespace, values, option=None):  # type: ignore[no-untyped-def]
        name, _, number = values.partition("=")
        if name not in (*PORTS, "airflow") or not number.isdigit():
            parser.error(f"--port {values}: say PART=NUMBER, PART one of {', '.join(PORTS)}")
        namespace.port = {**namespace.port, name: int(number)}


if __name__ == "__main__":
    sys.exit(main())
