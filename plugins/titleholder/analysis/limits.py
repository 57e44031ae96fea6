"""Limits on the errors and the latency of live requests. No I/O."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from titleholder.analysis.issues import GuardrailIssue as Issue
from titleholder.config.guardrails import Metrics


@dataclass(frozen=True)
class ArmMetrics:
    """The metrics of one deployed model, as read: any of them may be impossible.

    `latency` is a percentile in milliseconds, NaN where it was not measured.
    """

    requests: float = 0
    errors: float = 0
    latency: float = math.nan


@dataclass(frozen=True)
class LimitsFinding:
    """The issue of the limits, None when they are kept, and the reason in half a sentence."""

    issue: Issue | None
    reason: str


def check_limits(champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics) -> LimitsFinding:
    """The limits that a challenger breaks on live requests, beside its champion. Pure and total.

    A limit that the champion breaks as well says nothing about the challenger, and traffic must not
    go back to a champion that breaks a limit which the challenger keeps.
    """
    for role, arm in (("champion", champion), ("challenger", challenger)):
        if wrong := _impossible(arm, limits):
            return LimitsFinding(Issue.INVALID_METRICS, f"{wrong} of the {role} cannot be")
    least = limits.min_requests
    if challenger.requests < least:
        few = _too_few("challenger", challenger, least)
        return LimitsFinding(Issue.INSUFFICIENT_REQUESTS, few)
    compared = champion.requests >= least
    rules = list(_rules(champion, challenger, limits, compared))
    broken = {
        by: "; ".join(
            rule.text("champion" if by == (False, True) else "challenger") for rule in some
        )
        for by in ((False, True), (True, False), (True, True))
        if (some := [rule for rule in rules if rule.broken_by == by])
    }
    if reason := broken.get((False, True)):
        return LimitsFinding(Issue.CHAMPION_LIMITS, reason)
    if reason := broken.get((True, False)):
        return LimitsFinding(Issue.CHALLENGER_LIMITS, reason)
    if reason := broken.get((True, True)):
        return LimitsFinding(Issue.BOTH_LIMITS, f"{reason}, and so is the champion's")
    if not compared and limits.relative:
        return LimitsFinding(Issue.INSUFFICIENT_REQUESTS, _too_few("champion", champion, least))
    return LimitsFinding(None, f"limits are kept on {challenger.requests:g} requests")


@dataclass(frozen=True)
class _Rule:
    """The values of both models and their limit; the champion's is -inf where it is not known."""

    name: str
    unit: str
    challenger: float
    champion: float
    most: float

    @property
    def broken_by(self) -> tuple[bool, bool]:
        """Whether the challenger breaks it, and whether the champion does."""
        return self.challenger > self.most, self.champion > self.most

    def text(self, role: Literal["challenger", "champion"]) -> str:
        """By how much that model breaks it."""
        value = self.challenger if role == "challenger" else self.champion
        scale = 100 if self.unit == "%" else 1
        return (
            f"the {role}'s {self.name} of {value * scale:.4g} {self.unit} is more than "
            f"{self.most * scale:.4g} {self.unit}"
        )


def _rules(
    champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics, compared: bool
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
        value, reference = read(challenger), read(champion) if compared else -math.inf
        if most is not None:
            yield _Rule(name, unit, value, reference, most)
        if beyond is not None and compared:
            more = reference * beyond if unit == "ms" else reference + beyond
            # Relative to the champion, which therefore cannot break it.
            yield _Rule(f"{name}, beside the champion,", unit, value, -math.inf, more)


def _error_rate(arm: ArmMetrics) -> float:
    return arm.errors / arm.requests


def _latency(arm: ArmMetrics) -> float:
    return arm.latency


def _impossible(arm: ArmMetrics, limits: Metrics) -> str:
    """The first number that cannot be; empty when all can."""
    if not 0 <= arm.requests < math.inf:
        return f"{arm.requests:g} requests"
    if arm.requests and limits.on_errors and not 0 <= arm.errors <= arm.requests:
        return f"{arm.errors:g} errors in {arm.requests:g} requests"
    if arm.requests and limits.on_latency and not 0 <= arm.latency < math.inf:
        return f"a latency of {arm.latency:g} ms"
    return ""


def _too_few(role: str, arm: ArmMetrics, least: int) -> str:
    return f"{arm.requests:g} requests to the {role} are fewer than {least}"
