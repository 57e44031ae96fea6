"""The base of all operators: configuration, environment, clock, deferral, errors and XComs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn, TypeVar

from airflow.sdk import BaseOperator, ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowSkipException

from titleholder.alerts.alert import Alert, AlertKind
from titleholder.alerts.notifier import AlertNotifier, notifier_arguments
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure
from titleholder.config.model import ModelConfig
from titleholder.errors import DriftDetected, InvalidRequest, RetryableError, TitleholderError
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message, is_transient
from titleholder.lineage.dataset import Lineage
from titleholder.lineage.tasks import ModelNames
from titleholder.metrics.emit import emit
from titleholder.metrics.metric import Sample
from titleholder.metrics.samples import refusal_of, refusal_sample
from titleholder.naming import TrainingRun, training_run_of

# Airflow registers up to five seconds late that a worker has released a task. A task that is
# resumed before that counts as lost and is retried.
SHORTEST_DEFERRAL = timedelta(seconds=10)
RETRY_POLICY = ExceptionRetryPolicy(
    [RetryRule(TaskFailure, RetryAction.FAIL, reason="a retry would not help")]
)
_ALERT_KINDS: dict[type[TitleholderError], AlertKind] = {
    DriftDetected: AlertKind.MANUAL_CHANGE,
    InvalidRequest: AlertKind.INVALID_REQUEST,
}
Result = TypeVar("Result")
# The key, in the task state store, of the ids of the events whose alerts were sent.
_ALERTED = "alerted"


def utc_now() -> datetime:
    """The present time, aware."""
    return datetime.now(UTC)


class ModelOperator(BaseOperator):
    """A task of one model. `clock` and `shortest_deferral` are injectable, for replay and tests."""

    ui_color = "#f3e5c3"

    def __init__(
        self, *, config: ModelConfig, clock: Callable[[], datetime] = utc_now, **kwargs: Any
    ) -> None:
        super().__init__(retry_policy=RETRY_POLICY, **kwargs)
        self.config = config
        self.clock = clock
        self.shortest_deferral = SHORTEST_DEFERRAL
        self._lineage = Lineage()

    @cached_property
    def environment(self) -> Environment:
        """Project, region and credentials, read when the task runs."""
        return Environment(self.config.connection)

    def training_run(self, context: Mapping[str, Any]) -> TrainingRun:
        """The training run of the dag run: model, data interval and generation."""
        return training_run_of(self.config.model, self.config.schedule.cron, context)

    def defer_for(self, span: timedelta, **kwargs: Any) -> NoReturn:
        """Release the worker slot, and call `resume` with `kwargs` (JSON) after `span`, at least
        `shortest_deferral`. The trigger is one of Airflow's: Cloud Composer runs no others."""
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        span = max(span, self.shortest_deferral)
        self.log.info("the next look is at %s UTC", f"{utc_now() + span:%Y-%m-%d %H:%M:%S}")
        trigger = TimeDeltaTrigger(span)
        self.defer(trigger=trigger, method_name="resume", kwargs=kwargs)
        raise AssertionError("defer does not return")

    def resume(self, context: Mapping[str, Any], event: Any = None) -> Any:
        """Execute again."""
        return self.execute(context)  # type: ignore[arg-type]

    @contextmanager
    def fail_with_message(self) -> Iterator[None]:
        """Fail the task without retries, with one sentence, for a TitleholderError and for a
        request that Google refuses permanently, such as for a missing permission.

        A RetryableError, and a lost connection or another transient error of Google, fails only
        this attempt. Any other exception is a bug, and passes.
        """
        try:
            yield
        except RetryableError as error:
            raise AttemptFailure(f"{self.config.model}: {error}") from None
        except TitleholderError as error:
            if refusal := refusal_of(error):
                self.emit_metrics(lambda: [refusal_sample(self.config.model, refusal)])
            kind = _ALERT_KINDS.get(type(error), AlertKind.TASK)
            raise TaskFailure(f"{self.config.model}: {error}", kind) from None
        except Exception as error:
            from google.api_core.exceptions import ClientError, GoogleAPIError
            from google.auth.exceptions import GoogleAuthError

            known = GoogleAPIError, GoogleAuthError, ConnectionError, TimeoutError
            transient = is_transient(error)
            if not transient and not isinstance(error, known):
                raise
            model, message = self.config.model, error_message(error)
            if isinstance(error, ClientError) and not transient:
                refused = f"{model}: Google refused a call of {self.task_id}: {message}"
                raise TaskFailure(refused) from None
            raise AttemptFailure(
                f"{model}: the call of {self.task_id} to Google failed: {message}"
            ) from None

    def skip_with_message(self, reason: str) -> NoReturn:
        """Skip the task. The reason is logged here, too: Airflow's line is in a group that its UI
        folds up."""
        self.log.info("skipped: %s", reason)
        raise AirflowSkipException(f"{self.config.model}: {reason}")

    def send_alert(self, context: Mapping[str, Any], make: Callable[[], Alert | None]) -> None:
        """Send the alert that `make` returns, if any; never raises."""
        try:
            alert = make()
            if alert is not None:
                AlertNotifier(**notifier_arguments(self.config)).send(alert, context)
        except Exception:
            self.log.warning("titleholder: an alert could not be made", exc_info=True)

    def send_alert_once(
        self, context: Mapping[str, Any], event: str, make: Callable[[], Alert | None]
    ) -> None:
        """Send the alert about the event of that id, unless an attempt of this task has sent it,
        also before it was cleared; never raises. An alert is rather sent twice than lost."""
        try:
            sent: list[str] = context["task_state_store"].get(_ALERTED) or []
        except Exception as error:
            self.log.warning("alerts may be sent again: %s", error_message(error))
            sent = []
        if event in sent:
            return
        self.send_alert(context, make)
        try:
            context["task_state_store"].set(_ALERTED, [*sent, event])
        except Exception as error:
            self.log.warning("this alert may be sent again: %s", error_message(error))

    def emit_metrics(
        self,
        make: Callable[[], Iterable[Sample]],
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Emit the metrics that `make` returns; never raises. With `context`, a backfill emits
        none: the gauges of many old intervals would replace those of the newest one."""
        if context is not None and context["dag_run"].run_type == "backfill":
            return
        try:
            emit(make())
        except Exception:
            self.log.warning("titleholder: metrics could not be emitted", exc_info=True)

    def keep_lineage(self, make: Callable[[ModelNames], Lineage]) -> None:
        """Keep the lineage that `make` returns until the task has ended; never raises."""
        source, environment = self.config.source, self.environment
        try:
            names = ModelNames(
                environment.project,
                environment.location,
                environment.qualified(source.table),
                source.timestamp,
                environment.qualified(self.config.events_table),
            )
            self._lineage = make(names)
        except Exception:
            self.log.warning("titleholder: the lineage is not known", exc_info=True)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The lineage of this attempt, also of a failed one. Airflow's OpenLineage listener calls
        this in the process that executed the task, and nothing else does."""
        from titleholder.lineage.openlineage import to_operator_lineage

        return to_operator_lineage(self._lineage)

    def reject_unknown_params(self, context: Mapping[str, Any]) -> None:
        """Raises InvalidRequest for a dag run with parameters that the DAG does not have: Airflow
        accepts them, and a mistyped one would have no effect."""
        known = list(context["dag"].params)
        if unknown := sorted(set(context["dag_run"].conf or {}) - set(known)):
            raise InvalidRequest(
                f"the run was given {', '.join(map(repr, unknown))}, which its form does not have; "
                f"trigger it again with {', '.join(known) or 'no parameters'}"
            )

    def xcom_result(self, context: Mapping[str, Any], task_id: str) -> dict[str, Any]:
        """The result of an earlier task; fails where there is none, as when that task was marked as
        successful by hand."""
        value = context["ti"].xcom_pull(task_ids=task_id)
        if not isinstance(value, dict):
            raise TaskFailure(
                f"{self.config.model}: the task {task_id} left no result for {self.task_id}; clear "
                f"{task_id} with what follows it"
            )
        return value

    def read_result(
        self, context: Mapping[str, Any], task_id: str, read: Callable[[Mapping[str, Any]], Result]
    ) -> Result:
        """The result of an earlier task, parsed by `read`; fails where `read` raises KeyError or
        TypeError."""
        value = self.xcom_result(context, task_id)
        try:
            return read(value)
        except (KeyError, TypeError) as error:
            raise TaskFailure(
                f"{self.config.model}: the result of {task_id} is of another version of "
                f"titleholder ({error!r}); clear {task_id} with what follows it"
            ) from None


def poll_delay(elapsed: timedelta) -> timedelta:
    """The delay until the next poll of an operation that is `elapsed` old: half of its age, between
    2 seconds and 5 minutes. Short operations are noticed promptly, and half an hour takes 19
    polls."""
    return min(max(elapsed / 2, timedelta(seconds=2)), timedelta(minutes=5))
