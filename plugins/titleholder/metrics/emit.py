"""Sends samples through Airflow's Stats, to whatever its section `[metrics]` names, and logs them.

A log-based metric of Cloud Monitoring can read the lines: Cloud Composer exports Airflow's own
metrics only.
"""

import logging
from collections.abc import Iterable

from titleholder.metrics.metric import Kind, Sample

log = logging.getLogger(__name__)


def emit(samples: Iterable[Sample]) -> None:
    """Send and log the samples in this order."""
    found = list(samples)
    if not found:
        return
    # The UI folds a group up.
    log.info("::group::Metrics")
    for sample in found:
        log.info("%s", sample.log_line)
    log.info("::endgroup::")
    _send(found)


def _send(samples: list[Sample]) -> None:
    # The module of the Task SDK that a task runner initializes; its import costs nothing there.
    from airflow.sdk.observability import stats

    tagged = backend_has_tags()
    for sample in samples:
        name = sample.tagged_name if tagged else sample.plain_name
        if sample.metric.kind is Kind.COUNTER:
            stats.incr(name, int(sample.value), tags=sample.tags)
        else:
            stats.gauge(name, sample.value, tags=sample.tags)


def backend_has_tags() -> bool:
    """Whether the metrics backend that Airflow's settings choose has tags: DogStatsD, StatsD in the
    format of InfluxDB, and OpenTelemetry have; plain StatsD drops them without a word.

    The order is that of airflow.sdk.observability.metrics.stats_utils.get_stats_factory.
    """
    from airflow.sdk.configuration import conf

    if conf.getboolean("metrics", "statsd_datadog_enabled"):
        return True
    if conf.getboolean("metrics", "statsd_on"):
        return bool(conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False))
    return True
