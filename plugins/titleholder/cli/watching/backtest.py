"""A backtest of the test for decay: a job scores a registered version on the last weeks."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from titleholder.analysis.model_pair import RegisteredModel
from titleholder.analysis.watching.backtest import BacktestDay, backtest, version_to_backtest
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.measured_days import SkippedDay, count_days, measured_days
from titleholder.analysis.watching.records import decay_to_json
from titleholder.analysis.watching.watch_job import watch_images, watch_parameters, watch_result
from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_json, print_line, show, table
from titleholder.config.duel import Duel
from titleholder.config.watch import Watch
from titleholder.errors import InvalidRequest, PipelineError
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import Label
from titleholder.page.text import moment
from titleholder.pipelines.contract import Job
from titleholder.pipelines.templates import with_images
from titleholder.rollout.view import Version, View

POLL_SECONDS = 2.0


def run_backtest(context: CommandContext, weeks: int, *, as_json: bool) -> int:
    """Print what the test would have said over the last `weeks` of the source. Changes nothing, but
    runs a pipeline job."""
    config, now = context.config, datetime.now(UTC)
    duel, watch = config.duel, config.watch or Watch()
    if duel is None:
        raise InvalidRequest(
            f"{config.model}.yaml has no section duel, which says what the loss is; add it"
        )
    watch = watch.model_copy(update={"window": timedelta(weeks=weeks), "drift": None})
    view = context.endpoints.observe()
    begin = (now - duel.label_delay - watch.window).date()
    version = version_to_backtest(view, begin)
    if version is None:
        raise InvalidRequest(
            f"no version of {config.model} has been registered that can be scored; train one first"
        )
    model = _registered(view, version)
    if not as_json:
        last = "the last week" if weeks == 1 else f"the last {weeks} weeks"
        print_line(f"scoring {model.version} (data until {moment(_trained(model))}) on {last}")
        if begin < _trained(model).date():
            print_line("no older version is registered: only the days after its data are scored")
    job = _measure(context, duel, watch, model, now)
    evidence = watch_result(job).evidence
    days, skipped = count_days(
        measured_days(evidence, None), None, watch.min_rows, duel.min_label_coverage
    )
    found = backtest(days, watch)
    if as_json:
        print_json(_to_json(model, job, found, skipped))
    else:
        _print(model, watch, found, skipped, more_weeks=begin > _trained(model).date())
    return 0


def _registered(view: View, version: Version) -> RegisteredModel:
    assert version.data_interval_end is not None
    return RegisteredModel(
        version.number,
        f"{view.model}@{version.number}",
        version.uri,
        version.digest,
        f"{version.data_interval_end:%Y-%m-%dT%H:%M:%SZ}",
        version.image,
    )


def _trained(model: RegisteredModel) -> datetime:
    return datetime.fromisoformat(model.data_interval_end)


def _measure(
    context: CommandContext, duel: Duel, watch: Watch, model: RegisteredModel, now: datetime
) -> Job:
    """The finished job; raises PipelineError if it fails."""
    config, environment = context.config, context.environment
    champion = WatchedChampion(model, (model.id,), "", now.isoformat(), None, None, "", "")
    places = environment.job_places(config.source.table) | {"request_log": ""}
    parameters = watch_parameters(config, duel, watch, places, champion, now)
    template = environment.template(watch.template)
    jobs = Jobs(environment)
    name = f"{config.model}-backtest-{model.id}-{now:%Y%m%dt%H%M%S}"
    labels = {**config.labels, Label.MODEL.value: config.model}
    spec = with_images(template.spec, watch_images(champion))
    job = jobs.submit(name, spec, parameters, labels, config.pipeline.service_account)
    while not job.ended:
        time.sleep(POLL_SECONDS)
        job = jobs.get(job.name)
    if job.state != "SUCCEEDED":
        causes = [f"{task.name}: {task.error}" for task in job.tasks if task.error]
        raise PipelineError(
            f"{job.name} ended as {job.state.lower()} ({'; '.join(causes) or job.error}); correct "
            "what it names, then repeat this"
        )
    return job


def _print(
    model: RegisteredModel,
    watch: Watch,
    found: Sequence[BacktestDay],
    skipped: Sequence[SkippedDay],
    *,
    more_weeks: bool,
) -> None:
    """`more_weeks`: whether there are days before the first one that the version was not trained
    on."""
    for one in skipped:
        print_line(f"{one.day} is not counted: {one.reason}")
    if not found:
        print_line(
            f"no day after the training of {model.version} has been counted: load rows with "
            "labels, or correct watch.min_rows and duel.min_label_coverage"
        )
        return
    show(table(("day", "rows", "loss", "statistic", "state"), _rows(found)))
    last = found[-1].state
    if last.finding is None:
        print_line(
            f"{len(found)} days are counted, and the reference needs {watch.reference_days}: "
            + (
                "look further back with --weeks"
                if more_weeks
                else "repeat this when there are more, or train a version on older data by a "
                "backfill"
            )
        )
        return
    finding = last.finding
    if finding.reference_mean > 0:
        print_line(
            f"a day's loss varies by {100 * finding.daily_sd / finding.reference_mean:.3g} % "
            "(standard deviation), the unit of the delays in docs/explanation/watching.md"
        )
    alarms = ", ".join(f"{one.alarm} (since {one.since})" for one in last.episodes)
    print_line(f"decay found: {alarms or 'never'}")
    naive = [one for one in found if one.naive_alarm]
    print_line(f"days more than 10 % above the reference, the naive rule: {len(naive)}")


def _rows(found: Sequence[BacktestDay]) -> Iterator[tuple[str, ...]]:
    for one in found:
        finding = one.state.finding
        statistic = f"{finding.statistic:.3g}" if finding is not None else "-"
        yield (
            one.day.isoformat(),
            f"{one.n:,.0f}",
            f"{one.loss:.4g}",
            statistic,
            f"{one.state.phase}{', 10 % rule' if one.naive_alarm else ''}",
        )


def _to_json(
    model: RegisteredModel,
    job: Job,
    found: Sequence[BacktestDay],
    skipped: Sequence[SkippedDay],
) -> dict[str, Any]:
    return {
        "version": model.version,
        "job": job.name,
        "days": [
            {
                "day": one.day.isoformat(),
                "n": one.n,
                "loss": one.loss,
                "phase": one.state.phase,
                "statistic": one.state.finding.statistic if one.state.finding else None,
                "naive_alarm": one.naive_alarm,
            }
            for one in found
        ],
        "decays": [decay_to_json(one) for one in found[-1].state.episodes] if found else [],
        "skipped": [{"day": one.day.isoformat(), "reason": one.reason} for one in skipped],
    }
