"""Tells people what happened: in the log, and by webhook and e-mail where these are set up."""

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
    """The callback of every DAG and task, and of a deadline; operators hand it what no callback is
    called for. It never raises: what cannot be told is a warning in the log.

    Its arguments are what JSON can hold, as a deadline's callback is kept in Airflow's database.
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
        """There are none; the DAG that `dag.test()` gives its callbacks could not render any."""

    def notify(self, context: Any) -> None:
        """Tell of what the callback is called for: a task that failed after its last retry, a run
        that failed without one, or a deadline."""
        try:
            alert = alert_from_context(self.model, context)
        except Exception:
            self.log.exception("titleholder: %s: no alert could be made", self.model)
            return
        if alert is None:
            return
        if "ti" in context:
            # Airflow's UI folds up what follows a task's error in its log. Behind the end of that
            # group, the alert is the last line that a person sees.
            self.log.info("::endgroup::")
        self.send(alert, context)

    def send(self, alert: Alert, context: Any) -> None:
        """Send it everywhere, with a link to the run; a backfill only writes the log."""
        alert = alert.linked(Link("Airflow", run_page(context)))
        log = self.log.warning if alert.kind.needs_attention else self.log.info
        log = self.log.error if alert.kind.bad else log
        quiet = is_backfill(context) and not self.backfills
        if quiet:
            self.log.info("titleholder: told nobody: this is a backfill, and alerts.backfills off")
        log("titleholder: %s", line(alert))
        if quiet:
            return
        self._send(f"the webhook of the connection {self.connection}", self._post, alert)
        if self.email:
            self._send("e-mail", self._mail, alert)

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
            # Any other text than our own may quote the webhook's address or a password.
            why = str(error) if isinstance(error, DeliveryError) else type(error).__name__
            self.log.warning("titleholder: the alert could not be sent by %s: %s", where, why)


def notifier_arguments(config: ModelConfig) -> dict[str, Any]:
    """What makes the notifier of a model, as JSON can hold it."""
    alerts = config.alerts
    return {
        "model": config.model,
        "connection": alerts.connection,
        "email": alerts.email,
        "backfills": alerts.notify_on_backfill,
    }
