"""Metrics: their values, and their names at a StatsD server for each kind of backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import NoStatsLogger, get_stats_factory

from tests.statsd_sink import StatsdSink, statsd_sink
from tests.titleholder.analysis.watching.looks import days, event_of, look, measured
from tests.titleholder.operators.test_failing import CONFIG
from tests.titleholder.rollout.scenes import ALONE, EMPTY, END, HALVES, NEW, OLD, OLDER, PAIR, WEEK
from tests.waiting import until
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.data_intervals import Interval
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired, RetryableError
from titleholder.events.event import Event
from titleholder.metrics.emit import emit
from titleholder.metrics.metric import LOG_MARK, Metric, Refusal, Sample
from titleholder.metrics.samples import (
    champion_age_samples,
    freshness_samples,
    traffic_samples,
    verdict_samples,
    watch_samples,
)
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.rollout.view import View

BETTER = Verdict(Outcome.PROMOTE, "", "", 1000, 0.5, 0.3, 0.7, 0.0, 1.0, 1)


def values(samples: Iterator[Sample]) -> dict[str, float]:
    return {one.plain_name.removeprefix("titleholder.m1."): one.value for one in samples}


def test_traffic_and_versions_are_those_of_the_endpoint() -> None:
    pair = {
        "traffic_percentage.champion": 90,
        "version.champion": 9,
        "traffic_percentage.challenger": 10,
        "version.challenger": 10,
    }
    assert values(traffic_samples(PAIR)) == pair
    by_hand = {"traffic_percentage.champion": 50, "traffic_percentage.challenger": 50}
    assert values(traffic_samples(HALVES)) == pair | by_hand
    no_challenger = {"traffic_percentage.challenger": 0, "version.challenger": 0}
    assert values(traffic_samples(ALONE)) == pair | no_challenger | {
        "traffic_percentage.champion": 100
    }
    assert values(traffic_samples(View("m1", None))) == {}


def test_the_champions_loss_as_far_as_it_is_known() -> None:
    first = look([], measured(days(0, 6)))
    # The gauge of a champion that was decayed, and is replaced, must not stay.
    assert values(watch_samples("m1", first)) == {
        "champion_loss": first.days[-1].loss,
        "decayed": 0,
    }
    steady = look([event_of(first)], measured(days(5, 19), "j2"))
    found = values(watch_samples("m1", steady))
    assert found["decayed"] == 0
    assert 1.8 < found["reference_loss"] < 2.2
    assert 0 <= found["decay_statistic"] < 731
    decayed = look([event_of(first)], measured(days(5, 24, broken=18), "j3"))
    assert values(watch_samples("m1", decayed))["decayed"] == 1


YEAR = timedelta(days=366)


def age(*events: Event, view: View = PAIR) -> float | None:
    """The age of the champion in days three weeks after `END`, by the events of a year."""
    now = END + 3 * WEEK
    return values(champion_age_samples(view, events, now - YEAR, now)).get("champion_age_days")


def test_the_age_of_the_champion_counts_from_its_promotion() -> None:
    first = Event(
        id="a", time=END, model="m1", action="first_champion", reason="", champion_after=OLD
    )
    promoted = replace(
        first, id="b", time=END + WEEK, action="promote", champion_before=OLD, champion_after=NEW
    )
    look = replace(first, id="c", time=END + 2 * WEEK, action="evaluated", champion_after=NEW)
    assert age(first, promoted, look) == 14
    assert age(replace(promoted, champion_before=None, reconstructed=True)) == 14
    assert age(first, view=EMPTY) is None


def test_a_champion_of_more_than_a_year_does_not_become_younger() -> None:
    deployed = Event(
        id="a",
        time=END,
        model="m1",
        action="deploy_challenger",
        reason="",
        champion_before=OLD,
        champion_after=OLD,
    )
    assert age(deployed) == 366
    assert age(replace(deployed, champion_before=None, reconstructed=True)) == 366
    again = replace(deployed, champion_before=OLDER, versions={OLDER: "m1@9", OLD: "m1@9"})
    assert age(again) == 366, "another deployed model of the same version"
    assert age(replace(again, versions={OLDER: "m1@8", OLD: "m1@9"})) == 21
    assert age() == 366, "nothing has changed for a year"
    assert age(deployed, view=replace(PAIR, created=END - WEEK)) == 28, "it is no older"


def test_the_lag_is_measured_at_the_end_of_the_interval() -> None:
    week = Interval(END - WEEK, END)
    newest = END - timedelta(hours=2)
    assert values(freshness_samples("m1", week, newest)) == {"freshness_lag_seconds": 7200}
    assert values(freshness_samples("m1", week, None)) == {"freshness_lag_seconds": 604800}


def test_a_verdict_without_an_interval_has_fewer_values() -> None:
    ends = {"verdict_low": 0.3, "verdict_high": 0.7}
    rest = {"verdict_estimate": 0.5, "verdict_rows": 1000}
    whole = values(verdict_samples("m1", "m1@10", BETTER))
    assert whole == ends | rest | {"verdict_version": 10}
    assert list(whole)[-1] == "verdict_version", "not before the interval that it is about"
    undecided = replace(BETTER, low=None, high=None)
    assert values(verdict_samples("m1", "m1@11", undecided)) == rest
    unknown = replace(undecided, estimate=float("nan"))
    assert values(verdict_samples("m1", "m1@11", unknown)) == {"verdict_rows": 1000}


@contextmanager
def airflow_stats(tags: bool = False) -> Iterator[StatsdSink]:
    """A StatsD server to which Airflow's Stats of this process send, with tags or without."""
    with statsd_sink() as sink, pytest.MonkeyPatch.context() as patch:
        settings = {"ON": True, "HOST": "127.0.0.1", "PORT": sink.port, "INFLUXDB_ENABLED": tags}
        for name, value in settings.items():
            patch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", str(value))
        backend = get_stats_factory()()
        stats.initialize(factory=lambda: backend, export_legacy_names=True)
        try:
            yield sink
        finally:
            stats.initialize(factory=NoStatsLogger, export_legacy_names=True)
            backend.statsd.close()


@pytest.fixture
def statsd() -> Iterator[StatsdSink]:
    with airflow_stats() as sink:
        yield sink


@pytest.mark.parametrize("tags", [False, True])
def test_the_names_fit_the_backend(tags: bool) -> None:
    traffic = Sample(Metric.TRAFFIC_PERCENTAGE, "m-1", 90, "champion")
    refused = Sample(Metric.REFUSALS, "m-1", 1, "blocked")
    negative = Sample(Metric.VERDICT_ESTIMATE, "m-1", -0.25)
    names = {
        False: {
            "airflow.titleholder.m-1.traffic_percentage.champion": 100,
            "airflow.titleholder.m-1.refusals.blocked": 2,
            "airflow.titleholder.m-1.verdict_estimate": -0.25,
        },
        True: {
            "airflow.titleholder.traffic_percentage,model=m-1,role=champion": 100,
            "airflow.titleholder.refusals,model=m-1,reason=blocked": 2,
            "airflow.titleholder.verdict_estimate,model=m-1": -0.25,
        },
    }[tags]
    with airflow_stats(tags) as statsd:
        emit([traffic, refused, replace(traffic, value=100), refused, negative])
        until(lambda: {one: statsd.number(one) for one in names} == names, "the last value")
        assert statsd.values.keys() == names.keys()


def test_each_value_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    emit([Sample(Metric.TRAFFIC_PERCENTAGE, "m1", 90, "champion")])
    first, line, last = (record.getMessage() for record in caplog.records)
    assert (first, last) == ("::group::Metrics", "::endgroup::")
    assert line == f"{LOG_MARK} metric=traffic_percentage model=m1 role=champion value=90"
    caplog.clear()
    emit([])
    assert not caplog.records


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DriftDetected("by hand"), Refusal.MANUAL_CHANGE),
        (ManualActionRequired("no"), Refusal.BLOCKED),
        (InvalidRequest("101 %"), Refusal.INVALID_REQUEST),
        (RetryableError("later"), None),
    ],
)
def test_a_refusal_is_counted_by_its_reason(
    error: Exception, reason: Refusal | None, statsd: StatsdSink
) -> None:
    task = CheckFreshnessOperator(task_id="t", config=CONFIG)
    with (
        pytest.raises(TaskFailure if reason else AttemptFailure, match=str(error)),
        task.fail_with_message(),
    ):
        raise error
    # StatsD has no answers: what was sent before has arrived when this has.
    emit([Sample(Metric.SCORE, "last", 1)])
    until(lambda: statsd.number("airflow.titleholder.last.score") == 1, "the last value")
    found = {name for name in statsd.values if "refusals" in name}
    expected = {f"airflow.titleholder.{CONFIG.model}.refusals.{reason}"} if reason else set()
    assert found == expected


def test_metrics_neither_fail_a_task_nor_come_from_a_backfill(
    statsd: StatsdSink, capsys: pytest.CaptureFixture[str]
) -> None:
    task = CheckFreshnessOperator(task_id="t", config=CONFIG)

    def broken() -> list[Sample]:
        raise OSError("no network")

    task.emit_metrics(broken)
    assert "metrics could not be emitted" in capsys.readouterr().out
    sample = Sample(Metric.SCORE, "m1", 80)
    for run_type in ("backfill", "scheduled"):
        context = {"dag_run": SimpleNamespace(run_type=run_type)}
        task.emit_metrics(lambda: [sample], context)
    until(lambda: statsd.values.get("airflow.titleholder.m1.score"), "a value")
    assert statsd.values["airflow.titleholder.m1.score"] == ["80|g"]
