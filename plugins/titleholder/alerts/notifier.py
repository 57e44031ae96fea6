"""Sends alerts: to the log, and by webhook and e-mail where these are set up."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseNotifier

from titleholder.alerts.alert import Alert, Link
from titleholder.alerts.callback_context import alert_from_context, is_backfill, run_page
from titleholder.alerts.formats import line, mail, message, subject
from titleholder.alerts.webhook import DeliveryError, post, webhook_of
from titleholder.config.model import ModelConfig


class AlertNotifier(BaseNotifier):
    """The callback of every DAG, task and deadline; operators call `send` where Airflow calls no
    callback. It never raises: an alert that cannot be sent is a warning in the log.

    Its arguments are JSON, as Airflow keeps a deadline's callback in its database.
    """

    def __init__(
        self,
        *,
        model: str,
        connection: str,
        email: Sequence[str] = (),
        backfills: bool = False,
        context: Any = None,
    ) -> None:
        super().__init__(context)
        self.model = model
        self.connection = connection
        self.email = list(email)
        self.backfills = backfills

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Render nothing: there are no fields, and the DAG that `dag.test()` passes cannot
        render."""

    def notify(self, context: Any) -> None:
        """Send the alert for a task that failed after its last retry, a run that failed without
        one, or a missed deadline."""
        try:
            alert = alert_from_context(self.model, context)
        except Exception:
            self.log.exception("titleholder: %s: no alert could be made", self.model)
            return
        if alert is None:
            return
        if "ti" in context:
            # Airflow's UI folds up what follows a task's error in its log. After the end of that
            # group, the alert is the last line that is visible.
            self.log.info("::endgroup::")
        self.send(alert, context)

    def send(self, alert: Alert, context: Any) -> None:
        """Send the alert with a link to the run; that of a backfill goes to the log only."""
        alert = alert.linked(Link("Airflow", run_page(context)))
        log_only = is_backfill(context) and not self.backfills
        if log_only:
            self.log.info("titleholder: not sent: a backfill, and notify_on_backfill is false")
        else:
            self._send(f"the webhook of the connection {self.connection}", self._post, alert)
            if self.email:
                self._send("e-mail", self._mail, alert)
        # The last line of a failed task's log, also where the alert could not be sent.
        self.log.log(alert.kind.level, "titleholder: %s", line(alert))

    def _post(self, alert: Alert) -> None:
        url = webhook_of(self.connection)
        if url is not None:
            post(url, message(alert, urlsplit(url).hostname or ""))

    def _mail(self, alert: Alert) -> None:
        from airflow.utils.email import send_email

        send_email(self.email, subject(alert), mail(alert))

    def _send(self, where: str, send: Callable[[Alert], None], alert: Alert) -> None:
        try:
            send(alert)
        except Exception as error:
            # The text of another library's error may quote the webhook's address or a password.
            why = str(error) if isinstance(error, DeliveryError) else type(error).__name__
            self.log.warning("titleholder: the alert could not be sent by %s: %s", where, why)


def notifier_arguments(config: ModelConfig) -> dict[str, Any]:
    """The arguments of a model's notifier, as JSON."""
    alerts = config.alerts
    return {
        "model": config.model,
        "connection": alerts.connection,
        "email": alerts.email,
        "backfills": alerts.notify_on_backfill,
    }
