"""What a person can do next: addresses and commands, printed when a command has ended."""

from shlex import quote

from sandbox.endpoint_report import console_url
from sandbox.state import LOOPBACK, REPOSITORY, Home, State
from sandbox.terminal import Terminal

_WIDTH = 11


def after_run(home: Home, state: State, terminal: Terminal) -> None:
    """After runs without Airflow's UI."""
    terminal.print()
    _address(terminal, "Vertex AI", console_url(state))
    _commands(home, terminal, "up --airflow", "Airflow's UI, with these runs and their logs")


def after_up(home: Home, state: State, terminal: Terminal, models: list[str]) -> None:
    """After the start of Airflow, whose DAGs are those of `models`."""
    ui = airflow_url(state)
    terminal.print()
    _address(terminal, "Airflow", f"{ui}/")
    _address(terminal, "Titleholder", f"{ui}/plugin/titleholder")
    _address(terminal, "Vertex AI", console_url(state))
    if models:
        dags = ", ".join(f"{model}__train, {model}__rollout" for model in models)
        start = (
            f"the DAGs {dags} are paused at first. Open {ui}/dags/{models[0]}__train and switch on "
            "the toggle beside its name: a run for the last complete week starts at once, so do "
            "not trigger it as well"
        )
        terminal.item([("to start", "bold")], start, _WIDTH, indent=0)
    _commands(home, terminal, "status", "what is running, and the state of every endpoint")


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


def _commands(home: Home, terminal: Terminal, verb: str, purpose: str) -> None:
    env = quote(str(home.env_file).removeprefix(f"{REPOSITORY}/"))
    lines = {
        command(home, verb): purpose,
        f"set -a; . {env}; set +a": "for titleholder, airflow and Google's clients",
        command(home, "down"): "stop everything, and keep the data",
    }
    width = max(map(len, lines))
    terminal.print()
    for line, text in lines.items():
        terminal.print((f"{line:{width}}", "cyan"), (f"  # {text}", "dim"))
