"""What a person can do next: addresses and commands, printed when a command has ended."""

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING

from sandbox.endpoint_report import console_url
from sandbox.services import airflow
from sandbox.services.processes import alive
from sandbox.state import LOOPBACK, REPOSITORY, Home, State
from sandbox.terminal import Terminal

if TYPE_CHECKING:
    from titleholder.config.model import ModelConfig

_WIDTH = 11


def after_run(home: Home, state: State, terminal: Terminal) -> None:
    """After runs in this process, which Airflow's UI shows, too."""
    terminal.print()
    running = state.processes.get("airflow")
    if running is not None and alive(running):
        _address(terminal, "Airflow", f"{airflow_url(state)}/  with these runs and their logs")
        _address(terminal, "Vertex AI", console_url(state))
        _commands(home, terminal)
    else:
        _address(terminal, "Vertex AI", console_url(state))
        _commands(home, terminal, ("up --airflow", "Airflow's UI, with these runs and their logs"))


def after_up(home: Home, state: State, terminal: Terminal, models: "Sequence[ModelConfig]") -> None:
    """After the start of Airflow, whose DAGs are those of `models`."""
    ui = airflow_url(state)
    terminal.print()
    _address(terminal, "Airflow", f"{ui}/")
    _address(terminal, "Titleholder", f"{ui}/plugin/titleholder")
    _address(terminal, "Vertex AI", console_url(state))
    if models:
        text = _schedules(ui, _paused(home, models), 2 * len(models))
        terminal.item([("schedules", "bold")], text, _WIDTH, indent=0)
    _commands(home, terminal, ("status", "what is running, and the state of every endpoint"))


def _paused(home: Home, models: "Sequence[ModelConfig]") -> list[str]:
    """The models' DAGs that are paused, or will be when Airflow has read them."""
    known = airflow.paused(home)
    # As dags/titleholder_dags.py creates them.
    at_first = {f"{one.model}__train": True for one in models} | {
        f"{one.model}__rollout": one.duel is not None for one in models
    }
    return sorted(dag_id for dag_id, paused in at_first.items() if known.get(dag_id, paused))


def _schedules(ui: str, paused: list[str], dags: int) -> str:
    if not paused:
        return f"all {dags} DAGs are switched on, and run by their schedules"
    which = "all DAGs are paused" if len(paused) == dags else f"paused: {', '.join(paused)}"
    return (
        f"{which}. On {ui}/dags?tags=titleholder switch on the toggle beside the name: a run for "
        "the last complete week or day starts at once, so do not trigger it as well"
    )


def airflow_url(state: State) -> str:
    """The URL of Airflow's UI."""
    return f"http://{LOOPBACK}:{state.ports['airflow']}"


def command(home: Home, verb: str) -> str:
    """The command line of a verb: of make for this checkout's own sandbox."""
    if home.var == REPOSITORY / "var":
        return f"make {verb.split()[0]}"
    return f"sandbox --var {quote(str(home.var))} {verb}"


def _address(terminal: Terminal, label: str, url: str) -> None:
    terminal.print((f"{label:{_WIDTH}}  ", "bold"), url)


def _commands(home: Home, terminal: Terminal, *first: tuple[str, str]) -> None:
    """Print verbs with their purposes, and what always helps."""
    env = quote(str(home.env_file).removeprefix(f"{REPOSITORY}/"))
    lines = {
        **{command(home, verb): purpose for verb, purpose in first},
        f"set -a; . {env}; set +a": "for titleholder, airflow and Google's clients",
        command(home, "down"): "stop everything, and keep the data",
    }
    width = max(map(len, lines))
    terminal.print()
    for line, text in lines.items():
        terminal.print((f"{line:{width}}", "cyan"), (f"  # {text}", "dim"))
