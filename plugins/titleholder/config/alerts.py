"""The section of a model's YAML file that says who is told what happens, and when not."""

from pydantic import Field

from titleholder.config.types import ConnectionId, Duration, Email, Section


class Alerts(Section):
    """Where alerts go. `connection` is an Airflow connection whose password is the address of an
    incoming webhook; it may be absent. A run is late when it takes `late_after` longer than the
    last ones did on average."""

    connection: ConnectionId = "titleholder_alerts"
    email: list[Email] = Field(default_factory=list)
    notify_on_backfill: bool = False
    late_after: Duration | None = None
