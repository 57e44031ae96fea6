"""Issues of evidence and of live traffic. None of them allows a promotion."""

from enum import Enum

from titleholder.labels import DescribedEnum


class EvidenceIssue(Enum):
    """An issue of evidence: (word, waits, may_roll_back, may_end, description), most severe first.

    waits: more rows will settle it, so the verdict is hold, otherwise inconclusive. may_roll_back:
    an interval wholly below `-margin` still rolls back, as a rollback only restores the state
    before. may_end: `max_duration` still applies.
    """

    # With wrong times a model may have been trained on the rows, and max_duration is unreliable.
    CLOCK_SKEW = ("clock_skew", False, False, False, "a time lies in the future or has no zone")
    # Traffic must not go back to a champion that gives no predictions.
    CHAMPION_INVALID = (
        *("champion_invalid", False, False, False),
        "the champion gave no valid prediction on many rows",
    )
    # Statistics of another challenger or loss, or with impossible counts, prove nothing.
    WRONG_SUBJECT = (
        *("wrong_subject", False, False, True),
        "it is about other models, another loss or another target",
    )
    INVALID_COUNTS = ("invalid_counts", False, False, True, "its counts contradict each other")
    NO_ROWS = ("no_rows", True, False, True, "no labelled row has a prediction of both models")
    NOT_FINITE = ("not_finite", False, False, True, "mean or variance is not a finite number")
    NEGATIVE_VARIANCE = ("negative_variance", False, False, True, "the variance is below 0")
    # The interval is asymptotic: below min_rows it is not known to hold for either side.
    INSUFFICIENT_ROWS = ("insufficient_rows", True, False, True, "fewer rows than `min_rows`")
    # Two copies of a model, or a challenger that is worse by the same amount on every row.
    ZERO_VARIANCE = ("zero_variance", False, True, True, "all rows differ by the same amount")
    # This alone is a reason to roll back.
    CHALLENGER_INVALID = (
        *("challenger_invalid", False, True, True),
        "the challenger gave no valid prediction on many rows",
    )
    MISSING_PREDICTIONS = (
        *("missing_predictions", False, True, True),
        "a model gave no valid prediction on some rows",
    )
    LOW_COVERAGE = (
        *("low_coverage", False, True, True),
        "a smaller part of the rows is labelled than `min_label_coverage`",
    )
    NO_DAILY_BREAKDOWN = (
        *("no_daily_breakdown", False, True, True),
        "its days do not add up to its rows",
    )
    # Usually the models differ on too few rows so far.
    HEAVY_TAIL = (
        *("heavy_tail", True, True, True),
        "one row carries too large a part of the sum of squares",
    )
    # A difference that was clear at the time of measurement still is.
    STALE = (
        *("stale", False, True, True),
        "it is older than `max_evidence_age`, than the traffic percentage, or than the evidence of "
        "an earlier verdict",
    )
    # The recorded design still applies; a promotion by rules that were chosen after the first look
    # is a person's.
    DESIGN_CHANGED = (
        *("design_changed", False, True, True),
        "the model's file has changed the rules since the first verdict",
    )
    # If it lasts, the mean over all rows will show it.
    RECENT_REGRESSION = (
        *("recent_regression", True, True, True),
        "the challenger is worse on the newest days",
    )

    def __init__(
        self, word: str, waits: bool, may_roll_back: bool, may_end: bool, description: str
    ) -> None:
        self.word = word
        self.waits = waits
        self.may_roll_back = may_roll_back
        self.may_end = may_end
        self.description = description


class GuardrailIssue(DescribedEnum):
    """An issue of live traffic, found by limits.py, sample_ratio.py or when reading it."""

    CHALLENGER_LIMITS = (
        "challenger_limits",
        "the challenger breaks a limit that the champion keeps",
    )
    CHAMPION_LIMITS = "champion_limits", "the champion breaks a limit that the challenger keeps"
    BOTH_LIMITS = "both_limits", "champion and challenger break the same limit"
    INVALID_METRICS = "invalid_metrics", "the metrics contradict each other"
    INSUFFICIENT_REQUESTS = "insufficient_requests", "fewer requests than `min_requests`"
    TRAFFIC_SPLIT = "traffic_split", "the requests do not fit the traffic percentage"
    UNREADABLE = "unreadable", "the request log or the metrics cannot be read"
