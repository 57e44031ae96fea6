"""Waits until the environment's Airflow has parsed the deployed DAG files without errors."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from titleholder.errors import ManualActionRequired, RetryableError

COLUMNS = "dag_id,last_parsed_time"
TIMEOUT, POLL_INTERVAL = timedelta(minutes=5), timedelta(seconds=15)


class AirflowCommands(Protocol):
    """Runs Airflow commands: `composer.Composer`."""

    def airflow(self, command: str, subcommand: str, *parameters: str) -> list[dict[str, Any]]:
        """The rows that the command prints."""


def wait_until_parsed(
    commands: AirflowCommands,
    files: Iterable[str],
    models: Sequence[str],
    since: datetime,
    clock: Callable[[], datetime],
    pause: Callable[[float], None],
) -> str:
    """Poll until every DAG of `models` was parsed after `since` and none of the DAG files `files`
    has an import error; returns a message.

    Raises ManualActionRequired with the errors or the missing DAGs after five minutes, and whatever
    `commands` raises without permission.
    """
    names = [name.rpartition("/")[2] for name in files]
    dags = [f"{model}__{kind}" for model in models for kind in ("train", "rollout")]
    deadline = clock() + TIMEOUT
    while True:
        try:
            problem = _errors(commands, names) or _missing(commands, dags, since)
        except RetryableError as error:
            # The pod may end during the command; the next attempt uses another one.
            problem = str(error)
        if not problem:
            return f"Airflow has parsed {', '.join(dags)}, without import errors"
        if clock() >= deadline:
            raise ManualActionRequired(
                f"everything is in the bucket, but {problem}; see docs/how-to/composer.md"
            )
        pause(POLL_INTERVAL.total_seconds())


def _errors(commands: AirflowCommands, names: Iterable[str]) -> str:
    errors = []
    for row in commands.airflow("dags", "list-import-errors"):
        name = str(row.get("filepath", "")).rpartition("/")[2]
        if name in names:
            last = str(row.get("error", "")).strip().rpartition("\n")[2]
            errors.append(f"{name} has an import error: {last}")
    return "; ".join(errors)


def _missing(commands: AirflowCommands, dags: Iterable[str], since: datetime) -> str:
    parsed = {}
    for row in commands.airflow("dags", "list", "--columns", COLUMNS):
        parsed[row.get("dag_id")] = _time(row.get("last_parsed_time"))
    late = [dag for dag in dags if dag not in parsed or parsed[dag] < since]
    return f"Airflow has not parsed {', '.join(late)} since" if late else ""


def _time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
