"""The state of a champion in words. No I/O."""

from collections.abc import Sequence

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_state import WatchState
from titleholder.config.watch import Watch


def state_text(
    version: str,
    days: Sequence[DayLoss],
    state: WatchState,
    watch: Watch,
    held_out_loss: float | None,
) -> str:
    """One sentence that begins with the phase; without a full stop."""
    held_out = (
        f"; on the held-out rows of its training it was {held_out_loss:.4g}"
        if held_out_loss is not None
        else ""
    )
    if not days:
        return (
            f"{state.phase}: no day of {version} has been counted, of {watch.reference_days} that "
            f"are its reference{held_out}"
        )
    newest = days[-1]
    if state.phase == "learning":
        return (
            f"{state.phase}: {len(state.reference)} of {watch.reference_days} reference days of "
            f"{version} are counted, the newest {newest.day} with a loss of "
            f"{newest.loss:.4g}{held_out}"
        )
    finding = state.finding
    if finding is None:
        return (
            f"{state.phase}: {version} has recovered, and the next day begins the test again; the "
            f"newest day {newest.day} has a loss of {newest.loss:.4g}{held_out}"
        )
    against = f"the reference of {finding.reference_mean:.4g} ({len(state.reference)} days)"
    if state.decay is not None:
        grown = f" by {state.decay.increase:.4g}{percent(state.decay.relative_increase)}"
        return (
            f"{state.phase}: the loss of {version} has grown{grown} above {against} since about "
            f"{state.decay.since}, found on {state.decay.alarm}; the newest day {newest.day} has "
            f"{newest.loss:.4g}{held_out}"
        )
    return (
        f"{state.phase}: the loss of {version} on the newest day {newest.day} is "
        f"{newest.loss:.4g}, {against}; the statistic of decay is {finding.statistic:.3g} of "
        f"{finding.threshold:g}{held_out}"
    )


def percent(relative: float | None) -> str:
    """` (12 %)` of a relative increase, "" for none."""
    return f" ({100 * relative:.3g} %)" if relative is not None else ""
