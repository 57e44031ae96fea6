"""Whether a challenger keeps within its limits on live requests: errors and latency. No I/O."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ArmMetrics:
    """What one deployed model was measured to do. Nothing is believed of it.

    `latency` is a percentile in milliseconds, NaN where it was not measured.
    """

    requests: float = 0
    errors: float = 0
    latency: float = math.nan


@dataclass(frozen=True)
class Limits:
    """What a model may do at most, None for anything; below `min_requests` nobody is judged.

    `max_error_rate` is of a model's requests, 0 to 1, and `max_error_rate_increase` how much more
    than the champion's; `latency` is in milliseconds, and `max_latency_ratio` in champion's.
    """

    min_requests: int
    max_error_rate: float | None = None
    max_error_rate_increase: float | None = None
    max_latency_ms: float | None = None
    max_latency_ratio: float | None = None

    @property
    def on_errors(self) -> bool:
        """Whether errors are limited."""
        return not (self.max_error_rate is None and self.max_error_rate_increase is None)

    @property
    def on_latency(self) -> bool:
        """Whether latency is limited."""
        return not (self.max_latency_ms is None and self.max_latency_ratio is None)

    @property
    def relative(self) -> bool:
        """Whether a limit is the champion's measure."""
        return not (self.max_error_rate_increase is None and self.max_latency_ratio is None)


@dataclass(frozen=True)
class LimitsFinding:
    """broken: by the challenger, and the champion keeps what it breaks. both: the champion breaks
    the same. champion: the champion breaks one that the challenger keeps, whatever else. too few:
    more requests will tell. impossible: nobody can have measured that."""

    outcome: Literal["kept", "broken", "both", "champion", "too few", "impossible"]
    reason: str


def check_limits(champion: ArmMetrics, challenger: ArmMetrics, limits: Limits) -> LimitsFinding:
    """What live requests say of a challenger, beside its champion. Pure and total.

    A limit that the champion breaks as well says nothing of the challenger, and a champion that
    breaks one which the challenger keeps is nobody to go back to.
    """
    for who, arm in (("champion", champion), ("challenger", challenger)):
        if told := _impossible(arm, limits):
            return LimitsFinding("impossible", f"{told} of the {who} cannot be")
    least = limits.min_requests
    if challenger.requests < least:
        return LimitsFinding("too few", _too_few("challenger", challenger, least))
    compared = champion.requests >= least
    rules = list(_rules(champion, challenger, limits, compared))
    if told := "; ".join(rule.text("champion") for rule in rules if rule.by == (False, True)):
        return LimitsFinding("champion", told)
    if told := "; ".join(rule.text("challenger") for rule in rules if rule.by == (True, False)):
        return LimitsFinding("broken", told)
    if told := "; ".join(rule.text("challenger") for rule in rules if rule.by == (True, True)):
        return LimitsFinding("both", f"{told}, and so is the champion's")
    if not compared and limits.relative:
        return LimitsFinding("too few", _too_few("champion", champion, least))
    return LimitsFinding("kept", f"limits are kept on {challenger.requests:g} requests")


@dataclass(frozen=True)
class _Rule:
    """A value of each, and what it may be at most; the champion's is -inf where it is not known."""

    name: str
    unit: str
    challenger: float
    champion: float
    most: float

    @property
    def by(self) -> tuple[bool, bool]:
        """Whether the challenger and whether the champion breaks it."""
        return self.challenger > self.most, self.champion > self.most

    def text(self, who: Literal["challenger", "champion"]) -> str:
        """How far that model breaks it."""
        value = self.challenger if who == "challenger" else self.champion
        scale = 100 if self.unit == "%" else 1
        return (
            f"the {who}'s {self.name} of {value * scale:.4g} {self.unit} is more than "
            f"{self.most * scale:.4g} {self.unit}"
        )


def _rules(
    champion: ArmMetrics, challenger: ArmMetrics, limits: Limits, compared: bool
) -> Iterator[_Rule]:
    for name, unit, on, read, most, beyond in (
        (
            *("error rate", "%", limits.on_errors, _error_rate),
            *(limits.max_error_rate, limits.max_error_rate_increase),
        ),
        (
            *("latency", "ms", limits.on_latency, _latency),
            *(limits.max_latency_ms, limits.max_latency_ratio),
        ),
    ):
        if not on:
            continue
        mine, theirs = read(challenger), read(champion) if compared else -math.inf
        if most is not None:
            yield _Rule(name, unit, mine, theirs, most)
        if beyond is not None and compared:
            more = theirs * beyond if unit == "ms" else theirs + beyond
            # The champion is the measure.
            yield _Rule(f"{name}, beside the champion,", unit, mine, -math.inf, more)


def _error_rate(arm: ArmMetrics) -> float:
    return arm.errors / arm.requests


def _latency(arm: ArmMetrics) -> float:
    return arm.latency


def _impossible(arm: ArmMetrics, limits: Limits) -> str:
    """What cannot be of those numbers; empty when all can."""
    if not 0 <= arm.requests < math.inf:
        return f"{arm.requests:g} requests"
    if arm.requests and limits.on_errors and not 0 <= arm.errors <= arm.requests:
        return f"{arm.errors:g} errors in {arm.requests:g} requests"
    if arm.requests and limits.on_latency and not 0 <= arm.latency < math.inf:
        return f"a latency of {arm.latency:g} ms"
    return ""


def _too_few(who: str, arm: ArmMetrics, least: int) -> str:
    return f"{arm.requests:g} requests that the {who} answered are fewer than {least}"
