"""The dashboards, alert rules and metrics to import: parsed by Google's messages and as PromQL, and
about metrics that exist, under the names that Titleholder's own lines and names become."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from google.api.metric_pb2 import MetricDescriptor
from google.cloud.logging_v2.types import LogMetric
from google.cloud.monitoring_dashboard_v1.types import Dashboard
from google.cloud.monitoring_v3.types import AlertPolicy

from tests.conftest import REPOSITORY
from titleholder.metrics.metric import Kind, Metric, Sample

FOLDER = REPOSITORY / "deploy" / "monitoring"
CLOUD = FOLDER / "cloud_monitoring"
SAMPLES = [
    Sample(
        metric,
        "my-model",
        value,
        {"role": "champion", "reason": "blocked", "column": "waist_cm"}.get(metric.tag, ""),
    )
    for metric in Metric
    for value in (1, -0.25, 1e-07)
]
PROMETHEUS = {
    f"titleholder_{one}{'_total' if one.kind is Kind.COUNTER else ''}": one for one in Metric
}


def log_metric(name: str) -> LogMetric:
    return LogMetric.from_json(json.dumps(yaml.safe_load((CLOUD / f"{name}.yaml").read_text())))


def extracted(extractor: str, line: str) -> str | None:
    """What Cloud Logging extracts from that line: RE2 and Python agree on these expressions."""
    (pattern,) = re.findall(r'^REGEXP_EXTRACT\(textPayload, "(.*)"\)$', extractor)
    found = re.search(pattern, line)
    return found[1] if found else None


def test_log_based_metrics_read_every_line() -> None:
    values, refusals = log_metric("values"), log_metric("refusals")
    assert values.metric_descriptor.value_type == MetricDescriptor.ValueType.DISTRIBUTION
    for made in (values, refusals):
        keys = {label.key for label in made.metric_descriptor.labels}
        assert keys == made.label_extractors.keys()
    for sample in SAMPLES:
        line = f"[2026-11-16, 03:00:00 UTC] {{emit.py:23}} INFO - {sample.log_line}"
        for made in (values, refusals):
            (text,) = re.findall('textPayload:"(.*)"', made.filter)
            if text not in line:
                assert made is refusals
                assert sample.metric is not Metric.REFUSALS
                continue
            found = {
                key: extracted(extractor, line) for key, extractor in made.label_extractors.items()
            }
            expected = {"metric": sample.metric.value, **sample.tags}
            assert found == {key: expected.get(key) for key in found}
        assert float(extracted(values.value_extractor, line) or "nan") == sample.value


def filters(value: Any) -> Iterator[str]:
    """Every filter of time series in a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from [item] if key == "filter" else filters(item)
    elif isinstance(value, list):
        for item in value:
            yield from filters(item)


def names_in(found: Iterator[str]) -> set[str]:
    """The metrics that the filters name; each has one of the log-based metrics."""
    names = set()
    for one in found:
        (kind,) = re.findall(r'metric.type="logging.googleapis.com/user/(\w+)"', one)
        assert 'resource.type="cloud_composer_environment"' in one
        if kind == "titleholder_refusals":
            names.add("refusals")
        else:
            assert kind == "titleholder"
            names |= set(re.findall(r'metric.label.metric="(\w+)"', one))
    return names


def test_the_dashboard_of_cloud_monitoring_shows_every_metric() -> None:
    text = (CLOUD / "dashboard.json").read_text()
    dashboard = Dashboard.from_json(text)
    tiles = dashboard.mosaic_layout.tiles
    assert all(one.x_pos + one.width <= dashboard.mosaic_layout.columns for one in tiles)
    assert len({(one.x_pos, one.y_pos) for one in tiles}) == len(tiles)
    assert names_in(filters(json.loads(text))) == set(Metric)


@pytest.mark.parametrize("path", sorted((CLOUD / "alerts").iterdir()), ids=lambda path: path.stem)
def test_an_alert_policy_is_about_existing_metrics(path: Any) -> None:
    text = path.read_text()
    policy = AlertPolicy.from_json(text)
    assert policy.documentation.content
    for condition in policy.conditions:
        (aggregation,) = condition.condition_threshold.aggregations
        # https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
        assert 60 <= aggregation.alignment_period.total_seconds() <= 90000
        assert condition.condition_threshold.comparison
    assert names_in(filters(json.loads(text))) <= set(Metric)


def test_the_mapping_of_statsd_names_every_metric_and_tag() -> None:
    mappings = yaml.safe_load((FOLDER / "prometheus" / "statsd_mapping.yml").read_text())
    found = {}
    for sample in SAMPLES:
        name = f"airflow.{sample.plain_name}"
        # statsd_exporter takes the first mapping whose expression matches the whole name.
        matched = next(
            (one, match)
            for one in mappings["mappings"]
            if (match := re.fullmatch(one["match"], name))
        )
        mapping, match = matched
        assert mapping["match_type"] == "regex"

        def expanded(template: str, match: re.Match[str] = match) -> str:
            return re.sub(r"\$\{?(\d)\}?", lambda group: match[int(group[1])], template)

        labels = {key: expanded(value) for key, value in mapping["labels"].items()}
        assert labels == sample.tags
        found[expanded(mapping["name"])] = sample.metric
    assert found == PROMETHEUS


def selectors(expression: str) -> set[str]:
    """The metrics that a PromQL expression selects; raises ValueError if it is not valid."""
    names: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            names.add(node.name)
        for field in ("expr", "lhs", "rhs", "vs", "vector_selector", "param"):
            if (child := getattr(node, field, None)) is not None:
                walk(child)
        for child in getattr(node, "args", None) or ():
            walk(child)

    walk(promql_parser.parse(expression))
    return names


def test_the_rules_of_prometheus_are_about_existing_metrics() -> None:
    groups = yaml.safe_load((FOLDER / "prometheus" / "rules.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        used = selectors(rule["expr"])
        assert used
        assert used <= PROMETHEUS.keys()
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")
    with pytest.raises(ValueError, match="unexpected end of input"):
        selectors("rate(titleholder_refusals_total[")


Values = dict[tuple[str, str], float]


def value_of(node: Any, values: Values) -> float | None:
    """The value of an expression of Prometheus for one model, None for none; `values` are the
    series by metric and role."""
    if isinstance(node, promql_parser.ParenExpr):
        return value_of(node.expr, values)
    if isinstance(node, promql_parser.NumberLiteral):
        return float(node.val)
    if isinstance(node, promql_parser.VectorSelector):
        roles = [one.value for one in node.matchers.matchers if one.name == "role"]
        return values.get((node.name, *(roles or [""])))
    assert isinstance(node, promql_parser.BinaryExpr)
    if not isinstance(node.rhs, promql_parser.NumberLiteral):
        assert str(node.modifier.matching) == "on (model)", "the other labels differ"
    left, right = value_of(node.lhs, values), value_of(node.rhs, values)
    if left is None or right is None:
        return None
    holds = {"<": left < right, ">": left > right, "==": left == right, "and": True}[str(node.op)]
    return left if holds else None


@pytest.mark.parametrize(
    ("more", "fires"),
    [
        ({}, True),
        ({("titleholder_verdict_high", ""): 0.1}, False),
        ({("titleholder_version", "challenger"): 3}, False),
        ({("titleholder_traffic_percentage", "challenger"): 0}, False),
    ],
    ids=["worse", "undecided", "another challenger", "no traffic"],
)
def test_a_challenger_is_worse_only_by_an_interval_of_its_own(more: Values, fires: bool) -> None:
    groups = yaml.safe_load((FOLDER / "prometheus" / "rules.yml").read_text())["groups"]
    (rule,) = (one for one in groups[0]["rules"] if one["alert"] == "TitleholderChallengerWorse")
    worse: Values = {
        ("titleholder_verdict_high", ""): -0.1,
        ("titleholder_verdict_version", ""): 2,
        ("titleholder_version", "challenger"): 2,
        ("titleholder_version", "champion"): 1,
        ("titleholder_traffic_percentage", "challenger"): 10,
        ("titleholder_traffic_percentage", "champion"): 90,
    }
    found = value_of(promql_parser.parse(rule["expr"]), worse | more)
    assert (found is not None) is fires


def test_the_dashboard_of_grafana_shows_every_metric() -> None:
    dashboard = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    used: set[str] = set()
    places = set()
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert variables.keys() == {"datasource", "model"}
    assert "label_values(titleholder_traffic_percentage, model)" in str(variables["model"])
    for panel in dashboard["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
        for target in panel["targets"]:
            used |= selectors(target["expr"].replace("$model", "linnerud"))
            labels = re.findall(r"{{(\w+)}}", target["legendFormat"])
            assert set(labels) <= {"model", "role", "reason", "column"}
    assert used == PROMETHEUS.keys()
    assert (
        len(places) == len(dashboard["panels"]) == len({one["id"] for one in dashboard["panels"]})
    )
