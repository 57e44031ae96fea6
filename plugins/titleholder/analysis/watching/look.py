"""One look at the champion: from a job's evidence and the events to its state. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_state import DecayRules, WatchState, watch_state
from titleholder.analysis.trailing_windows import DifferenceStats
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.data_drift import (
    ColumnDrift,
    exceeded,
    parse_data_drift,
    without_details,
)
from titleholder.analysis.watching.history import (
    compared_days,
    difference_to_json,
    is_same_loss,
    loss_kind,
    watch_history,
)
from titleholder.analysis.watching.measured_days import (
    Role,
    SkippedDay,
    count_days,
    measured_days,
)
from titleholder.analysis.watching.records import state_to_json
from titleholder.analysis.watching.sentences import state_text
from titleholder.analysis.watching.undoing import PreviousComparison, compare_previous
from titleholder.config.duel import Duel
from titleholder.config.watch import Watch
from titleholder.events.event import Event


@dataclass(frozen=True)
class Measured:
    """The evidence of a finished job about the champion, the time of its start (aware), and its
    report of data drift, if any. `compared`: the evidence is that of a duel with the previous
    champion, else that of a watch job."""

    job: str
    at: datetime
    evidence: Mapping[str, Any]
    data_drift: Any = None
    compared: bool = False


@dataclass(frozen=True)
class ChampionLook:
    """The state of the champion at one look. `days` are all counted days; `reason` says it in one
    sentence. `drifted` are the columns above their limit, and `comparison` is that with the
    previous champion, None without one."""

    days: tuple[DayLoss, ...]
    state: WatchState
    skipped: tuple[SkippedDay, ...]
    drift: tuple[ColumnDrift, ...]
    drifted: tuple[ColumnDrift, ...]
    comparison: PreviousComparison | None
    reason: str
    record: dict[str, Any]


def decay_rules(watch: Watch) -> DecayRules:
    """The rules of the test for decay."""
    return DecayRules(
        reference_days=watch.reference_days,
        days_per_false_alarm=watch.days_per_false_alarm,
        min_increase=watch.min_increase,
        weekly=watch.season == "weekly",
    )


def look_at(
    duel: Duel,
    watch: Watch,
    champion: WatchedChampion,
    events: Sequence[Event],
    measured: Measured,
) -> ChampionLook:
    """The look with this measurement. `events` are the endpoint's, oldest first.

    What a look with the same job has counted stays as it is, also if later looks were made since:
    a repetition has the same days. Evidence of other models or losses is not counted, as of a job
    that an earlier run of the day started before `duel` was edited.
    """
    history = watch_history(events, champion.ids, duel, watch.min_rows, measured.job)
    is_about = _is_about(measured, champion, duel)
    role: Role | None = "champion" if measured.compared else None
    found = measured_days(measured.evidence, role) if is_about else ()
    if measured.compared:
        # The previous champion stays: these rows are missing on all days alike, and no watch job
        # will measure them.
        found = tuple(replace(one, left_out=0.0) for one in found)
    counted, skipped = count_days(found, history.newest, watch.min_rows, duel.min_label_coverage)
    added = _merged(history.own, counted)
    days = _merged(history.days, added)
    differences = _differences(measured, added) if is_about else {}
    # The days of the duel are recorded with the first look, and the later looks have them.
    added = days if history.from_duel == len(history.days) else added
    state = watch_state(days, decay_rules(watch))
    drift = parse_data_drift(measured.data_drift)
    limits = watch.drift
    drifted = (
        exceeded(drift, limits.limits, limits.max_psi, duel.min_rows) if limits is not None else ()
    )
    comparison = _comparison(duel, champion, events, measured, state, differences)
    reason = state_text(champion.model.version, days, state, watch, champion.held_out_loss)
    invalid = measured.evidence.get(
        "champion_invalid_predictions" if measured.compared else "invalid_predictions"
    )
    if isinstance(invalid, int | float) and invalid:
        reason += f"; {invalid:g} of its predictions are invalid, which no loss counts"
    if not is_about:
        reason += (
            f"; the evidence of {measured.job} is about another model, loss or target, which is "
            "not counted: clear the run to measure again"
        )
    record = {
        "job": measured.job,
        "measured": measured.at.isoformat(),
        "champion": champion.model.id,
        "version": champion.model.version,
        **loss_kind(duel),
        "days": [day.to_json() for day in added],
        "from_duel": history.from_duel,
        "skipped": [{"day": one.day.isoformat(), "reason": one.reason} for one in skipped],
        "state": state_to_json(state),
        "held_out_loss": champion.held_out_loss,
        "rules": watch.model_dump(mode="json"),
        "data_drift": without_details(measured.data_drift) if drift else None,
        "drifted": [column.column for column in drifted],
        "invalid_predictions": invalid,
    }
    if differences and champion.previous is not None:
        record["comparison"] = {
            "previous": champion.previous.id,
            "version": champion.previous.version,
            "days": [difference_to_json(*one) for one in differences.items()],
            "result": comparison.to_json() if comparison is not None else None,
        }
    return ChampionLook(days, state, skipped, drift, drifted, comparison, reason, record)


def _merged(first: Sequence[DayLoss], second: Sequence[DayLoss]) -> tuple[DayLoss, ...]:
    """The days of both, oldest first; of a day in both the first one."""
    by_day = {one.day: one for one in (*second, *first)}
    return tuple(by_day[day] for day in sorted(by_day))


def _is_about(measured: Measured, champion: WatchedChampion, duel: Duel) -> bool:
    """Whether the evidence is about these models and losses, as far as it says so."""
    expected = {"champion": champion.model}
    if measured.compared and champion.previous is not None:
        expected["challenger"] = champion.previous
    found = {role: measured.evidence.get(role) for role in expected}
    return is_same_loss(measured.evidence, duel) and all(
        about.get("sha256") == expected[role].sha256
        for role, about in found.items()
        if isinstance(about, dict)
    )


def _differences(measured: Measured, counted: Sequence[DayLoss]) -> dict[Any, DifferenceStats]:
    """The differences of the counted days, by day."""
    if not measured.compared:
        return {}
    raw = {
        day.get("day"): day for day in measured.evidence.get("days") or () if isinstance(day, dict)
    }
    found = {}
    for day in counted:
        one = raw.get(day.day.isoformat(), {})
        mean, variance = one.get("mean"), one.get("variance")
        if isinstance(mean, int | float) and isinstance(variance, int | float):
            found[day.day] = DifferenceStats(day.n, float(mean), float(variance))
    return found


def _comparison(
    duel: Duel,
    champion: WatchedChampion,
    events: Sequence[Event],
    measured: Measured,
    state: WatchState,
    differences: Mapping[Any, DifferenceStats],
) -> PreviousComparison | None:
    if not measured.compared or champion.previous is None or state.decay is None:
        return None
    after = state.decay.alarm
    days = compared_days(events, champion.ids, duel, champion.previous.id, after)
    days |= {day: stats for day, stats in differences.items() if day > after and day not in days}
    invalid = measured.evidence.get("challenger_invalid_predictions")
    return compare_previous(
        days.values(), duel, float(invalid) if isinstance(invalid, int | float) else 1.0
    )
