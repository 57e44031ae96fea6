"""Asks the environment's Airflow whether it has parsed what was deployed, and with which errors."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from titleholder.errors import ManualActionRequired, RetryableError

COLUMNS = "dag_id,last_parsed_time"
PATIENCE, EVERY = timedelta(minutes=5), timedelta(seconds=15)


class AirflowCommands(Protocol):
    """What `composer.Composer` is to this file."""

    def airflow(self, command: str, subcommand: str, *parameters: str) -> list[dict[str, Any]]:
        """The rows that an Airflow command prints."""


def wait_until_parsed(
    asked: AirflowCommands,
    files: Iterable[str],
    models: Sequence[str],
    since: datetime,
    clock: Callable[[], datetime],
    pause: Callable[[float], None],
) -> str:
    """Ask until every DAG of `models` was parsed after `since` and none of the DAG files `files`
    has an import error; says so in a sentence.

    Raises ManualActionRequired with the errors, or with the DAGs that are not there, after five
    minutes; what `asked` raises when Airflow may not be asked.
    """
    names = [name.rpartition("/")[2] for name in files]
    dags = [f"{model}__{kind}" for model in models for kind in ("train", "rollout")]
    until = clock() + PATIENCE
    while True:
        try:
            wrong = _errors(asked, names) or _missing(asked, dags, since)
        except RetryableError as error:
            # A pod that goes away while it is asked; the next one answers.
            wrong = str(error)
        if not wrong:
            return f"Airflow has parsed {', '.join(dags)}, without import errors"
        if clock() >= until:
            raise ManualActionRequired(
                f"everything is in the bucket, but {wrong}; docs/composer.md goes on"
            )
        pause(EVERY.total_seconds())


def _errors(asked: AirflowCommands, names: Iterable[str]) -> str:
    told = []
    for row in asked.airflow("dags", "list-import-errors"):
        name = str(row.get("filepath", "")).rpartition("/")[2]
        if name in names:
            last = str(row.get("error", "")).strip().rpartition("\n")[2]
            told.append(f"{name} has an import error: {last}")
    return "; ".join(told)


def _missing(asked: AirflowCommands, dags: Iterable[str], since: datetime) -> str:
    parsed = {}
    for row in asked.airflow("dags", "list", "--columns", COLUMNS):
        parsed[row.get("dag_id")] = _time(row.get("last_parsed_time"))
    late = [dag for dag in dags if dag not in parsed or parsed[dag] < since]
    return f"Airflow has not parsed {', '.join(late)} since" if late else ""


def _time(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
