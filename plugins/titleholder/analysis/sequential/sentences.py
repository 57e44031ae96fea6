"""Designs and forecasts in words. No I/O."""

from datetime import datetime

from titleholder.analysis.sequential.design import Design
from titleholder.analysis.sequential.forecast import Forecast
from titleholder.config.duel import format_loss


def design_text(design: Design, looks: int) -> str:
    """The design with the number of looks so far: `group sequential until Sun 2026-11-22 05:00 UTC,
    2 of 6 planned looks so far`."""
    kind = design.kind.replace("_", " ") + (" with futility" if design.futility else "")
    if design.kind == "confidence_sequence":
        kind, counted = kind.removesuffix(" with futility"), f"{looks} looks"
    else:
        counted = f"{looks} of {design.looks} planned looks"
    until = f"until {moment_text(design.ends)}" if design.ends else "without an end"
    return f"{kind} {until}, {counted} so far"


def forecast_text(forecast: Forecast, issue: str = "") -> str:
    """The forecast, under the condition that the verdict's `issue`, if any, does not remain."""
    condition = f", without the issue {issue}" if issue else ""
    by = forecast.decided_by
    decided = f"likely decided by {by:%a %Y-%m-%d}" if by else "likely undecided until then"
    return (
        f"at the present estimate and rate of rows{condition}: promoted by the end with "
        f"{probability_text(forecast.promotion)}, rolled back with "
        f"{probability_text(forecast.rollback)}; {decided}"
    )


def difference_text(design: Design, difference: float) -> str:
    """A mean difference with its unit: `0.06 of the absolute loss of chins`."""
    return f"{difference:.2g} of the {format_loss(design.loss)} of {design.target}"


def units_text(design: Design) -> str:
    """What the design counts: `rows`, or `clusters by customer`."""
    return f"clusters by {design.cluster_column}" if design.cluster_column else "rows"


def moment_text(time: datetime) -> str:
    """The time with its weekday: `Sun 2026-11-22 05:00 UTC`."""
    return f"{time:%a %Y-%m-%d %H:%M} UTC"


def probability_text(probability: float) -> str:
    """Whole per cent: `83 %`; `less than 1 %` and `more than 99 %` for what rounds to 0 or 100."""
    whole = round(100 * probability)
    if 0 < whole < 100:
        return f"{whole} %"
    return "more than 99 %" if whole else "less than 1 %"
