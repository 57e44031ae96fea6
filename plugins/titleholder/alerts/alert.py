"""An alert: one message about one model."""

import logging
from dataclasses import dataclass, replace
from typing import Self

from titleholder.labels import DescribedEnum


class AlertKind(DescribedEnum):
    """The kind of an alert. The value is its title, `description` says when it is sent, `level` is
    that of its line in the log: error for a failure, warning where a person should look."""

    level: int

    def __new__(cls, title: str, description: str, level: int = logging.INFO) -> Self:
        """The title as a string."""
        made = super().__new__(cls, title, description)
        made.level = level
        return made

    TASK = (
        "task failed",
        "after the last retry, or at once if a retry would not help",
        logging.ERROR,
    )
    PIPELINE = (
        "pipeline failed",
        "the training or the duel failed, was cancelled or timed out",
        logging.ERROR,
    )
    MANUAL_CHANGE = (
        "manual change detected",
        "the endpoint was changed by hand; at every run until it is adopted or restored",
        logging.ERROR,
    )
    RUN = "run failed", "a run failed and none of its tasks did", logging.ERROR
    STALE = "source is stale", "at the first check of a run that has to wait", logging.WARNING
    LATE = "run is late", "a run has not ended within `alerts.late_after`", logging.WARNING
    FIRST_CHAMPION = "first champion", "a model became champion where there was none"
    CHALLENGER_DEPLOYED = "challenger deployed", "a candidate was deployed as challenger"
    TRAFFIC_CHANGED = "traffic changed", "the challenger's traffic percentage was changed"
    PROMOTED = "challenger promoted", "the challenger became champion"
    ROLLED_BACK = "challenger rolled back", "the challenger lost its traffic: rollback or abort"
    PROMOTION_UNDONE = "promotion undone", "the previous champion became champion again"
    DRIFT_RESOLVED = "manual change resolved", "a manual change was adopted or restored"
    PROMOTION_ON_HOLD = (
        "promotion on hold",
        "a verdict is inconclusive, once for each issue; or half of `duel.max_duration` has passed "
        "without a decision, once for each challenger",
        logging.WARNING,
    )
    APPROVAL_REQUIRED = (
        "approval required",
        "a promotion needs an approval in Airflow, or has to be made by hand",
        logging.WARNING,
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
