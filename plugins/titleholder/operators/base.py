"""What the operators share: model, environment, run and clock; how they wait and how they fail."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from titleholder.config import ModelConfig
from titleholder.environment import Environment
from titleholder.errors import TitleholderError, TryAgain
from titleholder.run import Run, run_of
from titleholder.vertex.clients import sentence, transient

# Airflow hears up to five seconds late that a worker has let go of a task. One that is resumed
# before that is taken for lost, and tried again.
SHORTEST_DEFERRAL = timedelta(seconds=10)


def utc_now() -> datetime:
    """The time of day now."""
    return datetime.now(UTC)


class ModelOperator(BaseOperator):
    """A task about one model. Tests give it another `clock`."""

    ui_color = "#f3e5c3"

    def __init__(
        self, *, config: ModelConfig, clock: Callable[[], datetime] = utc_now, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.clock = clock

    @cached_property
    def environment(self) -> Environment:
        """Project, region and credentials, read when the task runs."""
        return Environment(self.config.connection)

    def run_of(self, context: Mapping[str, Any]) -> Run:
        """The model, interval and generation that the task is about."""
        return run_of(self.config.model, self.config.schedule, context)

    def wake_in(self, span: timedelta) -> NoReturn:
        """Give the worker slot back and be resumed after `span`, at least 10 seconds, by a trigger
        that ships with Airflow: Cloud Composer runs no others."""
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(max(span, SHORTEST_DEFERRAL)), method_name="resume")
        raise AssertionError("defer does not return")

    def resume(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Look at the truth again: a trigger only wakes."""
        return self.execute(context)  # type: ignore[arg-type]

    @contextmanager
    def told(self) -> Iterator[None]:
        """Fail the task at once, without retries and with one sentence, on an error of our own or
        on a request that Google refuses for good (no permission, say).

        Anything else (a lost connection, a quota) fails this attempt and is retried.
        """
        try:
            yield
        except TryAgain as error:
            raise AirflowException(f"{self.config.model}: {error}") from None
        except TitleholderError as error:
            raise AirflowFailException(f"{self.config.model}: {error}") from None
        except Exception as error:
            from google.api_core.exceptions import ClientError

            if not isinstance(error, ClientError) or transient(error):
                raise
            raise AirflowFailException(
                f"{self.config.model}: Google refused a call of {self.task_id}: {sentence(error)}"
            ) from None

    def handed(self, context: Mapping[str, Any], task_id: str) -> dict[str, Any]:
        """What an earlier task returned; fails when it left nothing, as one does that a person
        marked as successful."""
        value = context["ti"].xcom_pull(task_ids=task_id)
        if not isinstance(value, dict):
            raise AirflowFailException(
                f"{self.config.model}: the task {task_id} left no result for {self.task_id}; clear "
                f"{task_id} with what follows it"
            )
        return value


def next_look(elapsed: timedelta) -> timedelta:
    """How long to wait for something that has taken `elapsed` so far: half of that, between 2
    seconds and 5 minutes. Each look starts a worker, some 15 of them in half an hour."""
    return min(max(elapsed / 2, timedelta(seconds=2)), timedelta(minutes=5))
