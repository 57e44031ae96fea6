"""An alert: one message about one model."""

import logging
from dataclasses import dataclass, replace

from titleholder.labels import DescribedEnum


class AlertKind(DescribedEnum):
    """The kind of an alert. The value is its title, `description` says when it is sent."""

    TASK = (
        "task failed",
        "after the last retry, or at once if a retry would not help",
    )
    PIPELINE = (
        "pipeline failed",
        "the training or the duel failed, was cancelled or timed out",
    )
    MANUAL_CHANGE = (
        "manual change detected",
        "the endpoint was changed by hand; at every run until it is adopted or restored",
    )
    INVALID_REQUEST = (
        "invalid request",
        "a person triggered a run with an intent or parameter that is not possible",
    )
    RUN = "run failed", "a run failed and none of its tasks did"
    STALE = "source is stale", "at the first check of a run that has to wait"
    LATE = "run is late", "a run has not ended within `alerts.late_after`"
    FIRST_CHAMPION = "first champion", "a model became champion where there was none"
    CHALLENGER_DEPLOYED = "challenger deployed", "a candidate was deployed as challenger"
    TRAFFIC_CHANGED = "traffic changed", "the challenger's traffic percentage was changed"
    PROMOTED = "challenger promoted", "the challenger became champion"
    ROLLED_BACK = "challenger rolled back", "the challenger lost its traffic: rollback or abort"
    PROMOTION_UNDONE = "promotion undone", "the previous champion became champion again"
    MACHINES_CHANGED = (
        "machine settings changed",
        "a deployed model gets other machines or another number of replicas",
    )
    DRIFT_RESOLVED = "manual change resolved", "a manual change was adopted or restored"
    PROMOTION_ON_HOLD = (
        "promotion on hold",
        "a verdict is inconclusive, once for each issue; or half of `duel.max_duration` has passed "
        "without a decision, once for each challenger",
    )
    APPROVAL_REQUIRED = (
        "approval required",
        "a promotion needs an approval in Airflow, or has to be made by hand",
    )

    DECAYED = (
        "champion decayed",
        "the champion's loss has grown above its reference; once for each decay",
    )
    RECOVERED = "champion recovered", "the loss of a decayed champion is near its reference again"
    DATA_DRIFT = (
        "data drift",
        "a column's distribution went above its limit; once for each column and champion",
    )
    EARLY_TRAINING = "early training", "decay or data drift starts a training before its schedule"

    @property
    def level(self) -> int:
        """The level of its line in the log: error for a failure, warning where a person should
        look."""
        failed = AlertKind.TASK, AlertKind.PIPELINE, AlertKind.MANUAL_CHANGE, AlertKind.RUN
        if self in (*failed, AlertKind.INVALID_REQUEST):
            return logging.ERROR
        attention = AlertKind.STALE, AlertKind.LATE, AlertKind.PROMOTION_ON_HOLD
        watched = AlertKind.DECAYED, AlertKind.DATA_DRIFT
        if self in (*attention, *watched, AlertKind.APPROVAL_REQUIRED):
            return logging.WARNING
        return logging.INFO


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
