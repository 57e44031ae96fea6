"""What the verb `design` prints: a design, and its power by what is known of the rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.sequential.assumptions import (
    Assumption,
    TargetStats,
    assumed_variance,
    rate_of_source,
    variance_of_past,
)
from titleholder.analysis.sequential.design import Design, plan_design
from titleholder.analysis.sequential.forecast import Power, detectable_difference, power
from titleholder.analysis.sequential.planning import last_duel, rows_by_the_end
from titleholder.analysis.sequential.sentences import moment_text, units_text
from titleholder.cli.context import CommandContext
from titleholder.config.duel import Duel, format_days
from titleholder.config.model import ModelConfig
from titleholder.data_intervals import Interval
from titleholder.errors import EnvironmentConfigError, InvalidRequest, RetryableError
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables

PROBABILITIES = (0.5, 0.8, 0.95)
# True differences to show, as multiples of the one that is found with 80 %.
MULTIPLES = (-1.0, 0.0, 0.5, 1.0, 2.0)
# Events that are older say little about the models of today.
LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True)
class Assumed:
    """What is assumed instead of what the file, the source and the last duel say; None for nothing.

    `at` (aware) is the time of deployment, `weeks` the last weeks of the source that are read,
    `alpha` that of the section duel, `days` the duration, `rows_per_day` the labelled rows,
    `variance` that of the differences of one row's losses.
    """

    at: datetime | None
    weeks: int
    alpha: float | None
    days: float | None
    rows_per_day: float | None
    variance: float | None


@dataclass(frozen=True)
class DesignPlan:
    """The design of a challenger, what is assumed of its rows, the number of `rows` of its last
    look, the smallest difference that is found with each of PROBABILITIES, and the power for each
    of MULTIPLES."""

    config: ModelConfig
    duel: Duel
    design: Design
    rate: Assumption
    variance: Assumption
    rows: float
    smallest: dict[float, float]
    powers: list[Power]


def make_plan(context: CommandContext, assumed: Assumed, now: datetime) -> DesignPlan:
    """The plan of a challenger that is deployed at `now`, or at the assumed time.

    Raises InvalidRequest for a model or source that has no such plan, EnvironmentConfigError or
    RetryableError if the source cannot be read.
    """
    config, duel = _with_assumed(context.config, assumed)
    planned = plan_design(config, duel, assumed.at or now)
    if planned.ends is None or planned.kind == "confidence_sequence":
        raise InvalidRequest(
            f"the challengers of {config.model} are evaluated by a confidence sequence, which has "
            "no end by which it finds an improvement; to plan a group sequential design, give "
            "--days"
        )
    length = planned.ends - planned.begins
    if length < duel.min_duration:
        raise InvalidRequest(
            f"a challenger of {config.model} that is deployed at {moment_text(planned.begins)} is "
            f"last evaluated after {format_days(length)}, before duel.min_duration, "
            f"{format_days(duel.min_duration)}, is over, so it cannot be promoted; give another "
            "time of deployment with --at, or another duration with --days"
        )
    # What was known then, for a time in the past.
    known = min(planned.begins, now)
    rate, variance = _assumptions(context, duel, planned, assumed, known)
    rows = rows_by_the_end(planned, rate.value, duel.label_delay)
    if rows < duel.min_rows:
        raise InvalidRequest(
            f"{rows:,.0f} {units_text(planned)} have labels by the end of an evaluation of "
            f"{config.model}, at {rate.value:,.3g} a day, and duel.min_rows is {duel.min_rows:,}, "
            "so nothing is decided; to plan another, give another time of deployment "
            "with --at, or --days or --rows-per-day"
        )
    smallest = {
        probability: detectable_difference(planned, rows, variance.value, probability) or 0.0
        for probability in PROBABILITIES
    }
    unit = smallest[0.8] - planned.threshold
    powers = [
        power(planned, rows, variance.value, planned.threshold + multiple * unit)
        for multiple in MULTIPLES
    ]
    found = [one for one in powers if one is not None]
    return DesignPlan(config, duel, planned, rate, variance, rows, smallest, found)


def _with_assumed(config: ModelConfig, assumed: Assumed) -> tuple[ModelConfig, Duel]:
    """The model and its section `duel` with what is assumed instead of the file's values."""
    duel = config.duel
    if duel is None:
        raise InvalidRequest(
            f"{config.model}.yaml has no section duel, so its challengers are not evaluated; add "
            "it (docs/reference/model-file.md)"
        )
    if assumed.alpha is not None:
        duel = duel.model_copy(update={"alpha": assumed.alpha})
    if assumed.days is not None:
        # So long whatever the weekly runs do, and with an end, so that it may be group sequential.
        length = {"max_duration": timedelta(days=assumed.days), "design": None}
        duel = duel.model_copy(update=length)
        rollout = config.rollout.model_copy(update={"on_new_challenger": "keep_current"})
        config = config.model_copy(update={"rollout": rollout})
    return config, duel


def _assumptions(
    context: CommandContext,
    duel: Duel,
    planned: Design,
    assumed: Assumed,
    now: datetime,
) -> tuple[Assumption, Assumption]:
    """The number of rows or clusters a day and the variance of the differences: those given, else
    by the source and the last duel."""
    config, past = context.config, None
    rate = Assumption(assumed.rows_per_day, "as given") if assumed.rows_per_day else None
    variance = Assumption(assumed.variance, "as given") if assumed.variance else None
    if variance is None:
        endpoint, _ = context.endpoints.resource()
        events = context.events.read(config.model, since=now - LOOK_BACK, endpoint=endpoint)
        past = last_duel(events, planned)
        variance = variance_of_past(planned, past) if past else None
    if rate is not None and variance is not None:
        return rate, variance
    # The same query is billed once an hour.
    end = now.replace(minute=0, second=0, microsecond=0) - duel.label_delay
    interval = Interval(end - timedelta(weeks=assumed.weeks), end)
    stats = _target_stats(context, duel, interval, now)
    table = context.environment.qualified(config.source.table)
    if not stats.units:
        raise InvalidRequest(
            f"{table} has no row with a label of {duel.target} from {interval}; load it, correct "
            "duel.target, look further back with --weeks, or give --rows-per-day and --variance"
        )
    if rate is None:
        rate = rate_of_source(planned, stats, interval, table)
    if variance is None:
        if stats.constant:
            raise InvalidRequest(
                f"all labels of {duel.target} in {table} from {interval} are the same, so no loss "
                "tells two models apart; correct duel.target, look further back with --weeks, or "
                "give --variance"
            )
        variance = assumed_variance(duel, stats)
    return rate, variance


def _target_stats(
    context: CommandContext, duel: Duel, interval: Interval, now: datetime
) -> TargetStats:
    source, environment = context.config.source, context.environment
    table = environment.qualified(source.table)
    limit = source.freshness.max_bytes
    try:
        return SourceTables(environment, now).target(
            *(table, source.timestamp, interval, limit, duel.target, duel.loss),
            duel.cluster_column or "",
        )
    except Unreadable as error:
        raise (EnvironmentConfigError if error.final else RetryableError)(str(error)) from None
