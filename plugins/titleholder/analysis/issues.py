"""What may be wrong with evidence, and what each doubt still allows. None allows promotion."""

from enum import Enum


class EvidenceIssue(Enum):
    """A reason not to promote: (in a word, waits, may_roll_back, may_end).

    waits: more rows will settle it, so hold; otherwise inconclusive. may_roll_back: an interval
    that is wholly below the margin still sends the challenger home, because that direction only
    puts back what was there before. may_end: the deadline still counts.
    """

    # Whose times are wrong may be rows that a model was trained on, and no deadline is known.
    CLOCK_SKEW = ("clock skew", False, False, False)
    # Sending everybody back to a champion that does not answer would be the greater harm.
    CHAMPION_INVALID = ("champion silent", False, False, False)
    # Numbers about another challenger or loss, or that nobody can have counted, show no harm.
    WRONG_SUBJECT = ("other evidence", False, False, True)
    INVALID_COUNTS = ("impossible counts", False, False, True)
    NO_ROWS = ("no rows", True, False, True)
    NOT_FINITE = ("not finite", False, False, True)
    NEGATIVE_VARIANCE = ("negative variance", False, False, True)
    # The interval is asymptotic: below min_rows it is not known to hold for either side.
    INSUFFICIENT_ROWS = ("too few", True, False, True)
    # All rows differ by the same amount. Two copies of a model do, and nothing is gained by them;
    # a challenger that loses every row by more than the margin does, too.
    ZERO_VARIANCE = ("zero variance", False, True, True)
    # The verdict rolls it back for this alone.
    CHALLENGER_INVALID = ("challenger silent", False, True, True)
    MISSING_PREDICTIONS = ("gaps", False, True, True)
    LOW_COVERAGE = ("low coverage", False, True, True)
    NO_DAILY_BREAKDOWN = ("no days", False, True, True)
    # Mostly there are only too few rows yet on which the models differ.
    HEAVY_TAIL = ("heavy tail", True, True, True)
    # What was clear when it was measured is as true now.
    STALE = ("stale", False, True, True)
    # A good one may have turned bad; if so, all rows together will tell, too.
    RECENT_REGRESSION = ("lately worse", True, True, True)

    def __init__(self, word: str, waits: bool, may_roll_back: bool, may_end: bool) -> None:
        self.word = word
        self.waits = waits
        self.may_roll_back = may_roll_back
        self.may_end = may_end
