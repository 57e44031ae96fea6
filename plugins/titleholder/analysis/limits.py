"""Checks of errors and latency of live requests against limits. No I/O."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from titleholder.analysis.issues import GuardrailIssue as Issue
from titleholder.config.guardrails import Metrics


@dataclass(frozen=True)
class ArmMetrics:
    """The metrics of one deployed model, unchecked; `latency` is a percentile in milliseconds, NaN
    if it was not measured."""

    requests: float = 0
    errors: float = 0
    latency: float = math.nan


@dataclass(frozen=True)
class LimitsFinding:
    """The issue of the limits, None if they are kept, and the reason."""

    issue: Issue | None
    reason: str


def check_limits(champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics) -> LimitsFinding:
    """Check the limits for both models. Pure and total.

    A limit that both models break does not count against the challenger, and a limit that only the
    champion breaks takes precedence, since traffic must not go back to that champion.
    """
    for role, arm in (("champion", champion), ("challenger", challenger)):
        if problem := _impossible(arm, limits):
            problem = f"impossible metrics of the {role}: {problem}"
            return LimitsFinding(Issue.INVALID_METRICS, problem)
    if challenger.requests < limits.min_requests:
        return _insufficient("challenger", challenger, limits)
    compared = champion.requests >= limits.min_requests
    rules = list(_rules(champion, challenger, limits, compared))
    for issue, role, by, suffix in (
        (Issue.CHAMPION_LIMITS, "champion", (False, True), ""),
        (Issue.CHALLENGER_LIMITS, "challenger", (True, False), ""),
        (Issue.BOTH_LIMITS, "challenger", (True, True), ", and so is the champion's"),
    ):
        if broken := [rule.text(role) for rule in rules if rule.broken_by == by]:
            return LimitsFinding(issue, "; ".join(broken) + suffix)
    if not compared and limits.relative:
        return _insufficient("champion", champion, limits)
    return LimitsFinding(None, f"limits are kept on {challenger.requests:g} requests")


@dataclass(frozen=True)
class _Rule:
    """The values of both models and their limit; the champion's is -inf if it is not checked."""

    name: str
    unit: str
    challenger: float
    champion: float
    limit: float

    @property
    def broken_by(self) -> tuple[bool, bool]:
        """Whether the challenger breaks it, and whether the champion does."""
        return self.challenger > self.limit, self.champion > self.limit

    def text(self, role: str) -> str:
        """The value of that model beside the limit."""
        value = self.challenger if role == "challenger" else self.champion
        scale = 100 if self.unit == "%" else 1
        return (
            f"the {role}'s {self.name} of {value * scale:.4g} {self.unit} is more than "
            f"{self.limit * scale:.4g} {self.unit}"
        )


def _rules(
    champion: ArmMetrics, challenger: ArmMetrics, limits: Metrics, compared: bool
) -> Iterator[_Rule]:
    for name, unit, read, absolute, relative in (
        ("error rate", "%", _error_rate, limits.max_error_rate, limits.max_error_rate_increase),
        ("latency", "ms", _latency, limits.max_latency_ms, limits.max_latency_ratio),
    ):
        value, reference = read(challenger), read(champion) if compared else -math.inf
        if absolute is not None:
            yield _Rule(name, unit, value, reference, absolute)
        if relative is not None and compared:
            limit = reference * relative if unit == "ms" else reference + relative
            # It is relative to the champion, which cannot break it.
            yield _Rule(f"{name}, beside the champion,", unit, value, -math.inf, limit)


def _error_rate(arm: ArmMetrics) -> float:
    return arm.errors / arm.requests


def _latency(arm: ArmMetrics) -> float:
    return arm.latency


def _impossible(arm: ArmMetrics, limits: Metrics) -> str:
    """The first impossible number; "" if there is none."""
    if not 0 <= arm.requests < math.inf:
        return f"{arm.requests:g} requests"
    if arm.requests and limits.on_errors and not 0 <= arm.errors <= arm.requests:
        return f"{arm.errors:g} errors in {arm.requests:g} requests"
    if arm.requests and limits.on_latency and not 0 <= arm.latency < math.inf:
        return f"a latency of {arm.latency:g} ms"
    return ""


def _insufficient(role: str, arm: ArmMetrics, limits: Metrics) -> LimitsFinding:
    few = f"{arm.requests:g} requests to the {role} are fewer than {limits.min_requests}"
    return LimitsFinding(Issue.INSUFFICIENT_REQUESTS, few)
