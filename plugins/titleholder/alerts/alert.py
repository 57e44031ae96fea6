"""What an alert is."""

from dataclasses import dataclass, replace
from enum import StrEnum


class AlertKind(StrEnum):
    """What happened; the value is the alert's title."""

    TASK = "task failed"
    PIPELINE = "pipeline failed"
    MANUAL_CHANGE = "changed by hand"
    RUN = "run failed"
    STALE = "source is stale"
    LATE = "run is late"
    FIRST_CHAMPION = "first champion"
    CHALLENGER_DEPLOYED = "challenger seated"
    TRAFFIC_CHANGED = "share moved"
    PROMOTED = "challenger promoted"
    ROLLED_BACK = "challenger rolled back"
    PROMOTION_UNDONE = "champion reinstated"
    SETTLED = "hand-made change settled"
    PROMOTION_ON_HOLD = "challenger held"
    APPROVAL_REQUIRED = "challenger waits for a person"

    @property
    def bad(self) -> bool:
        """Whether something went wrong, so that it is logged as an error."""
        return self in (AlertKind.TASK, AlertKind.PIPELINE, AlertKind.MANUAL_CHANGE, AlertKind.RUN)

    @property
    def asks(self) -> bool:
        """Whether somebody should look, though nothing has failed yet."""
        return self in (
            AlertKind.STALE,
            AlertKind.LATE,
            AlertKind.PROMOTION_ON_HOLD,
            AlertKind.APPROVAL_REQUIRED,
        )


@dataclass(frozen=True)
class Link:
    """A page to look at."""

    name: str
    url: str


@dataclass(frozen=True)
class Alert:
    """One message: `what` happened to which model, `about` which week or deployed model, what it
    means for live `traffic`, and what `todo` next. Each is a sentence or a few without markup."""

    kind: AlertKind
    model: str
    subject: str
    summary: str
    traffic: str
    next_step: str
    links: tuple[Link, ...] = ()

    def linked(self, *more: Link) -> "Alert":
        """The alert with more pages, those without an address left out."""
        return replace(self, links=self.links + tuple(link for link in more if link.url))
