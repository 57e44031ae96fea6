"""The metrics, with names, kinds, units and tags; docs/reference/metrics.md lists them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from titleholder.labels import DescribedEnum

PREFIX = "titleholder"
# The first word of a log line with one value, which log-based metrics filter by.
LOG_MARK = "titleholder_metric"


class Kind(StrEnum):
    """Whether a value replaces the one before (gauge) or is added to it (counter)."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Metric(StrEnum):
    """A metric. Every value has the tag `model`; `tag` is the name of another one, "" for none."""

    kind: Kind
    unit: str
    tag: str
    description: str

    def __new__(cls, word: str, kind: Kind, unit: str, tag: str, description: str) -> Self:
        """The word as a string."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.kind, made.unit, made.tag, made.description = kind, unit, tag, description
        return made

    TRAFFIC_PERCENTAGE = (
        *("traffic_percentage", Kind.GAUGE, "per cent", "role"),
        "the traffic that the deployed model of the role receives; 0 without one",
    )
    VERSION = (
        *("version", Kind.GAUGE, "", "role"),
        "the number of the registered version with the role, 3 for `linnerud@3`; 0 without one",
    )
    CHAMPION_AGE_DAYS = (
        *("champion_age_days", Kind.GAUGE, "days", ""),
        "the time since a model last became champion, by the events table of the last 366 days; "
        "366, or the age of the endpoint if it is newer, for a champion that is older than those "
        "events",
    )
    FRESHNESS_LAG_SECONDS = (
        *("freshness_lag_seconds", Kind.GAUGE, "seconds", ""),
        "the time from the newest row of the data interval to its end, which `warn_after` and "
        "`error_after` limit; the interval's length if it has no row",
    )
    SCORE = (
        *("score", Kind.GAUGE, "the score's", ""),
        "the score of the last trained model on held-out rows",
    )
    MIN_SCORE = *("min_score", Kind.GAUGE, "the score's", ""), "the quality gate for that score"
    VERDICT_ESTIMATE = (
        *("verdict_estimate", Kind.GAUGE, "the loss's", ""),
        "the mean loss of the champion minus that of the challenger; above 0 the challenger is "
        "better",
    )
    VERDICT_LOW = (
        *("verdict_low", Kind.GAUGE, "the loss's", ""),
        "the low end of the confidence interval of that difference",
    )
    VERDICT_HIGH = *("verdict_high", Kind.GAUGE, "the loss's", ""), "its high end"
    VERDICT_ROWS = (
        *("verdict_rows", Kind.GAUGE, "rows", ""),
        "the rows of the verdict, clusters with `duel.cluster_column`",
    )
    VERDICT_VERSION = (
        *("verdict_version", Kind.GAUGE, "", ""),
        "the number of the challenger's version that `verdict_low` and `verdict_high` are about: a "
        "verdict without an interval leaves all three as they are",
    )
    CHAMPION_LOSS = (
        *("champion_loss", Kind.GAUGE, "the loss's", ""),
        "the champion's mean loss on the newest counted day",
    )
    REFERENCE_LOSS = (
        *("reference_loss", Kind.GAUGE, "the loss's", ""),
        "the champion's mean loss on its reference days",
    )
    DECAY_STATISTIC = (
        *("decay_statistic", Kind.GAUGE, "", ""),
        "the statistic of the test for decay; at `watch.days_per_false_alarm` decay is found",
    )
    DECAYED = *("decayed", Kind.GAUGE, "", ""), "1 while the champion has decayed, else 0"
    DATA_DRIFT_PSI = (
        *("data_drift_psi", Kind.GAUGE, "", "column"),
        "the population stability index of a column since the champion's training",
    )
    REFUSALS = (
        *("refusals", Kind.COUNTER, "", "reason"),
        "refusals by reason; each is also a failed or skipped task",
    )


class Refusal(DescribedEnum):
    """The reason of a refusal, the tag of `Metric.REFUSALS`."""

    QUALITY_GATE = "quality_gate", "the registration of a model under the quality gate"
    FRESHNESS = "freshness", "a training: the source is stale after the timeout, empty or unknown"
    MANUAL_CHANGE = "manual_change", "a change: the endpoint was changed by hand"
    BLOCKED = "blocked", "a change that needs a decision by a person, or whose verdict is outdated"
    INVALID_REQUEST = "invalid_request", "an intent or parameter that is not possible"


@dataclass(frozen=True)
class Sample:
    """One value of a metric; `tag_value` is that of the metric's own tag, "" if it has none."""

    metric: Metric
    model: str
    value: float
    tag_value: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags by name."""
        own = {self.metric.tag: self.tag_value} if self.metric.tag else {}
        return {"model": self.model, **own}

    @property
    def tagged_name(self) -> str:
        """The name for a backend that has tags: `titleholder.traffic_percentage`."""
        return f"{PREFIX}.{self.metric}"

    @property
    def plain_name(self) -> str:
        """The name for a backend without tags, `titleholder.linnerud.traffic_percentage.champion`:
        the values of the tags are parts of it, as in Airflow's own names."""
        own = [self.tag_value] if self.metric.tag else []
        return ".".join([PREFIX, self.model, self.metric.value, *own])

    @property
    def log_line(self) -> str:
        """The value as one line, `titleholder_metric metric=score model=linnerud value=90`; without
        quotes, which a log of JSON would escape."""
        fields = {"metric": self.metric.value, **self.tags, "value": f"{self.value!r}"}
        return " ".join([LOG_MARK, *(f"{name}={value}" for name, value in fields.items())])
