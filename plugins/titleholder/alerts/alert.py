"""An alert: one message about one model."""

from dataclasses import dataclass, replace
from enum import StrEnum


class AlertKind(StrEnum):
    """The kind of an alert; the value is its title."""

    TASK = "task failed"
    PIPELINE = "pipeline failed"
    MANUAL_CHANGE = "manual change detected"
    RUN = "run failed"
    STALE = "source is stale"
    LATE = "run is late"
    FIRST_CHAMPION = "first champion"
    CHALLENGER_DEPLOYED = "challenger deployed"
    TRAFFIC_CHANGED = "traffic changed"
    PROMOTED = "challenger promoted"
    ROLLED_BACK = "challenger rolled back"
    PROMOTION_UNDONE = "promotion undone"
    DRIFT_RESOLVED = "manual change resolved"
    PROMOTION_ON_HOLD = "promotion on hold"
    APPROVAL_REQUIRED = "approval required"

    @property
    def bad(self) -> bool:
        """Whether something failed, so that it is logged as an error."""
        return self in (AlertKind.TASK, AlertKind.PIPELINE, AlertKind.MANUAL_CHANGE, AlertKind.RUN)

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look, though nothing has failed yet."""
        return self in (
            AlertKind.STALE,
            AlertKind.LATE,
            AlertKind.PROMOTION_ON_HOLD,
            AlertKind.APPROVAL_REQUIRED,
        )


@dataclass(frozen=True)
class Link:
    """A link to a page."""

    name: str
    url: str


@dataclass(frozen=True)
class Alert:
    """One message: the model, the interval or version that is its `subject`, a `summary` of what
    happened, the live `traffic` since then, and the `next_step`. Sentences without markup."""

    kind: AlertKind
    model: str
    subject: str
    summary: str
    traffic: str
    next_step: str
    links: tuple[Link, ...] = ()

    def linked(self, *more: Link) -> "Alert":
        """The alert with more links, without those that have no URL."""
        return replace(self, links=self.links + tuple(link for link in more if link.url))
