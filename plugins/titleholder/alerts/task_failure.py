"""The failure of a task of which more is known than its sentence."""

from airflow.sdk.exceptions import AirflowFailException

from titleholder.alerts.alert import AlertKind, Link


class TaskFailure(AirflowFailException):
    """Fails a task at once, without retries; the alert of it says what kind of failure it is, and
    links to more than the task's log."""

    def __init__(
        self, sentence: str, kind: AlertKind = AlertKind.TASK, links: tuple[Link, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.links = links
