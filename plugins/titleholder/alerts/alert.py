"""What an alert is."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What happened; the value is the alert's title."""

    TASK = "task failed"
    PIPELINE = "pipeline failed"
    HANDS_ON = "changed by hand"
    RUN = "run failed"
    STALE = "source is stale"
    LATE = "run is late"
    CROWNED = "first champion"
    SEATED = "challenger seated"
    SHARE = "share moved"
    PROMOTED = "challenger promoted"
    ROLLED_BACK = "challenger rolled back"
    REINSTATED = "champion reinstated"
    SETTLED = "hand-made change settled"
    HELD = "challenger held"
    EARNED = "challenger waits for a person"

    @property
    def bad(self) -> bool:
        """Whether something went wrong, so that it is logged as an error."""
        return self in (Kind.TASK, Kind.PIPELINE, Kind.HANDS_ON, Kind.RUN)

    @property
    def asks(self) -> bool:
        """Whether somebody should look, though nothing has failed yet."""
        return self in (Kind.STALE, Kind.LATE, Kind.HELD, Kind.EARNED)


@dataclass(frozen=True)
class Link:
    """A page to look at."""

    name: str
    url: str


@dataclass(frozen=True)
class Alert:
    """One message: `what` happened to which model, `about` which week or deployed model, what it
    means for live `traffic`, and what `todo` next. Each is a sentence or a few without markup."""

    kind: Kind
    model: str
    about: str
    what: str
    traffic: str
    todo: str
    links: tuple[Link, ...] = ()

    def linked(self, *more: Link) -> "Alert":
        """The alert with more pages, those without an address left out."""
        return replace(self, links=self.links + tuple(link for link in more if link.url))
