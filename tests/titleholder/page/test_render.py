"""The page as HTML: its content, that input stays text, and that no other resource is loaded."""

import base64
import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.titleholder.page.model_sections import (
    CONFIG,
    DAY,
    ENDPOINT,
    JOB,
    NOW,
    evaluated,
    event,
    facts,
)
from titleholder.analysis.sequential.design import design_to_json, plan_design
from titleholder.events.event import Event
from titleholder.naming import deployed_model_ids_of
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.render import notice, page, policy, run_page
from titleholder.page.sections import build_section
from titleholder.rollout.view import DeployedModel, Version, View

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(2)">'"&{{ 7 * 7 }}"""
DEPLOYED = (
    DeployedModel("1", "linnerud-champion-model", "linnerud@1", 90, NOW),
    DeployedModel("2", "linnerud-challenger-model", "linnerud@2", 10, NOW),
)
LABELS = {"champion": "1", "challenger": "2", "challenger-percentage": "10"}
ADDRESS = f"https://us-central1-aiplatform.googleapis.com/v1/{ENDPOINT}:predict"
VIEW = View("linnerud", ENDPOINT, DEPLOYED, LABELS, address=ADDRESS)


class Parsed(HTMLParser):
    """Every element with its attributes, and the text outside of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_traffic_and_evaluation_of_a_model() -> None:
    deployment = event(
        3,
        "deploy_challenger",
        challenger_after="2",
        champion_before="1",
        champion_after="1",
        evidence={"score": 96.5},
        versions={"1": "linnerud@1"},
    )
    found = facts(deployment, evaluated(2, 0.01), evaluated(1, 0.1), view=VIEW)
    html = page([found], NOW, "https://a.b", runs={found.events[-1].run})
    parsed = Parsed(html)
    for shown in (
        ADDRESS,
        "90 %",
        "champion",
        "10 %",
        "challenger",
        "score 96.5",
        "not decided yet",
    ):
        assert shown in parsed.text.replace("\xa0", " "), shown
    bar = next(one for one in parsed.of("svg") if one.get("class") == "bar")
    assert bar["aria-label"] == "champion 90 %, challenger 10 %"
    widths = [float(one["width"] or 0) for one in parsed.of("rect")]
    assert widths == 2 * [90, 10], "in the overview and in the section"
    assert len(parsed.of("circle")) == 2 * 2, "for a wide and a narrow screen"
    targets = {one["href"] for one in parsed.of("a")}
    assert "https://a.b/dags/linnerud__train" in targets
    assert any(str(t).startswith("https://a.b/dags/linnerud__rollout/runs/") for t in targets)
    assert any("/pipelines/runs/duel-1" in str(t) for t in targets)
    assert any("report.html" in str(t) for t in targets)


def text(*events: Event, view: View = VIEW, **options: Any) -> str:
    """The visible text of a page with these events."""
    parsed = Parsed(page([facts(*events, view=view)], NOW, "https://a.b", **options))
    return " ".join(parsed.text.replace("\xa0", " ").split())


def test_events_of_a_deleted_endpoint_do_not_count() -> None:
    previous = event(
        9,
        "first_champion",
        champion_after="9",
        versions={"9": "linnerud@9"},
        reason="the previous one",
    )
    again = event(1, "first_champion", champion_after="1", versions={"1": "linnerud@1"})
    view = replace(VIEW, created=NOW - 2 * DAY)
    found = build_section(facts(previous, evaluated(8, 0.1), again, view=view))
    assert found.champion == again
    assert found.points == []
    assert previous in found.facts.events
    assert build_section(facts(previous, view=view)).champion is None


def test_the_end_of_the_training_data_is_that_of_the_registry() -> None:
    alias = "linnerud-20261109t0300-20261116t0300-g0"
    ours = DeployedModel(
        deployed_model_ids_of(alias)[0], "linnerud-champion-model", "linnerud@1", 100
    )
    view = View("linnerud", ENDPOINT, (ours,), {"champion": ours.id})
    known = replace(view, versions=(Version("1", frozenset([alias])),))
    assert "data until 2026-11-16 03:00" in Parsed(page([facts(view=known)], NOW, "")).text
    foreign = Parsed(page([facts(view=view)], NOW, "")).text
    assert "data until" not in foreign
    assert "not deployed by Titleholder" in foreign


def test_a_challenger_without_a_verdict() -> None:
    assert "linnerud@2 has not been evaluated yet." in text(evaluated(2, 0.1, challenger="0"))
    assert "has not been evaluated yet" not in text(evaluated(2, 0.1, challenger="2"))


def recorded(
    days_ago: float, outcome: str, challenger: str = "2", champion: str = "1", **changes: Any
) -> Event:
    """A verdict as `decide` records it, with design and forecast; `changes` are of the verdict, of
    the forecast and of the duel."""
    assert CONFIG.duel is not None
    time = NOW - days_ago * DAY
    design = plan_design(CONFIG, CONFIG.duel, NOW - 2 * DAY)
    found = {
        "outcome": outcome,
        "n": 524,
        "estimate": 0.03,
        "low": -0.01,
        "high": 0.07,
        "margin": 0.0,
        "look": {"time": design.time(time), "rows": 524},
    }
    forecast = {"promotion": 0.832, "rollback": 0.004, "decided_by": "2026-11-27T05:00:00+00:00"}
    duel = {
        "loss": "absolute",
        "primary_target": "chins",
        "n": 524,
        "variance": 0.2,
        "window_start": (time - 2.25 * DAY).isoformat(),
        "window_end": (time - 0.25 * DAY).isoformat(),
    }
    return event(
        days_ago,
        "evaluated",
        reason=f"{outcome}: because",
        champion_after=champion,
        challenger_after=challenger,
        versions={challenger: f"linnerud@{challenger}"},
        evidence={
            "job": f"{JOB}-{days_ago}",
            "design": design_to_json(design),
            "verdict": found | changes.get("verdict", {}),
            "forecast": changes.get("forecast", forecast),
            "duel": duel | changes.get("duel", {}),
        },
    )


def test_the_design_and_the_forecast_of_the_present_challenger() -> None:
    shown = text(recorded(1.2, "hold"), recorded(0.2, "hold"))
    assert (
        "Group sequential until Sun 2026-11-29 05:00 UTC, 2 of 6 planned looks so far. "
        "At the present estimate and rate of rows: promoted by the end with 83 %, rolled back with "
        "less than 1 %; likely decided by Fri 2026-11-27." in shown
    )
    assert "smallest improvement" not in shown
    assert "without the bias" not in shown
    changed = {"issue": "design_changed", "adjusted": 0.0251}
    shown = text(recorded(0.2, "inconclusive", verdict=changed))
    assert "inconclusive design_changed linnerud@2" in shown
    assert "rate of rows, without the issue design_changed: promoted" in shown
    assert "Estimate without the bias of stopping early: 0.0251." in shown
    for decided in ("promote", "rollback"):
        assert "At the present estimate" not in text(recorded(0.2, decided))
    undecided = recorded(0.2, "hold", forecast={"promotion": 1, "rollback": 0, "decided_by": None})
    assert "with more than 99 %, rolled back with less than 1 %; likely undecided until then" in (
        text(undecided)
    )


def test_what_the_design_finds_before_the_first_look() -> None:
    assert "smallest improvement" not in text()
    earlier = recorded(9, "promote", challenger="3")
    shown = text(earlier)
    assert "Group sequential until Sun 2026-11-29 05:00 UTC, 0 of 4 planned looks so far." in shown
    found = re.search(
        r"The smallest improvement that this design finds with 80 % by its end is (0\.\d+) of "
        r"the absolute loss of chins, with 262 rows a day and a variance of 0.2, as in the last "
        r"duel on linnerud@3\.",
        shown,
    )
    assert found is not None, shown
    # A test at the end alone, on the rows of 3 d 14 h without 6 h, finds a little less.
    least = (1.6449 + 0.8416) * math.sqrt(0.2 / (262 * (3 + 14 / 24)))
    assert least < float(found[1]) < 1.08 * least
    for unusable in (
        {"loss": "squared"},
        {"primary_target": "jumps"},
        {"variance": 0.0},
        {"window_start": None},
        {"window_start": NOW.isoformat(), "window_end": NOW.isoformat()},
    ):
        assert "smallest" not in text(recorded(9, "promote", challenger="3", duel=unusable))
    assert "smallest" not in text(recorded(9, "hold", challenger="3", verdict={"look": None}))


def test_a_challenger_that_left_for_futility() -> None:
    alone = View("linnerud", ENDPOINT, DEPLOYED[:1], {"champion": "1"})
    ended = event(0.1, "rollback", challenger_before="2", champion_before="1", champion_after="1")
    futile = recorded(0.2, "rollback", verdict={"futile": True})
    shown = text(futile, ended, view=alone)
    assert "challenger until 2026-11-25 06:36 UTC (rollback for futility)" in shown
    assert "rollback futility linnerud@2" in shown
    worse = recorded(0.2, "rollback", verdict={"futile": True, "low": -0.1, "high": -0.01})
    assert "futility" not in text(worse, ended, view=alone)
    assert "futility" not in text(recorded(0.2, "rollback"), ended, view=alone)


def test_the_verdict_on_an_earlier_challenger_is_the_last_verdict() -> None:
    alone = View("linnerud", ENDPOINT, DEPLOYED[:1], {"champion": "1"})
    rollback = event(1, "rollback", challenger_before="2", champion_before="1", champion_after="1")
    shown = text(evaluated(2, 0.1), rollback, view=alone)
    last = "The last verdict was on linnerud@2, challenger until 2026-11-24 09:00 UTC (rollback)"
    assert "There is no challenger" in shown
    assert f"Evaluation {last} hold linnerud@2" in shown


def test_only_existing_runs_have_links() -> None:
    weekly = "linnerud__train/scheduled__2026-11-16T03:00:00+00:00"
    week = {"interval_start": NOW - 9 * DAY, "interval_end": NOW - 2 * DAY}
    deployment = event(2, "deploy_challenger", run=weekly, champion_after="1", **week)
    found, daily = facts(deployment, evaluated(1, 0.1), view=VIEW), evaluated(1, 0.1).run
    for runs in (set(), {daily}, {daily, weekly}):
        html = page([found], NOW, "https://a.b", runs=runs)
        linked = {str(one["href"]) for one in Parsed(html).of("a") if "/runs/" in str(one["href"])}
        assert {one for one in linked if "console" not in one} == {
            run_page("https://a.b", run) for run in runs
        }
        assert f'<span title="{weekly}">' in html.replace("&#43;", "+")


def test_words_are_neither_repeated_nor_joined() -> None:
    fresh = {"outcome": "fresh", "reason": "it has rows until 2026-11-23 02:59 UTC"}
    run, ends = (
        "linnerud__train/r",
        {"interval_start": NOW - 9 * DAY, "interval_end": NOW - 2 * DAY},
    )
    week = event(3, "deploy_challenger", run=run, evidence={"freshness": fresh}, **ends)
    late = event(2, "superseded", reason="superseded: a newer one is there")
    shown = text(week, late, evaluated(1, 0.1), runs={run, evaluated(1, 0.1).run})
    assert "02:59 UTC run" in shown
    assert "hold linnerud@2, 2026-11-24 09:00 UTC: not decided yet run duel report" in shown
    assert "superseded a newer one is there" in shown
    for twice in ("hold hold", "hold: hold", "superseded superseded", "UTCrun", "runduel"):
        assert twice not in shown
    assert "1 verdict as a table" in shown
    assert "All 2 verdicts as a table" in text(evaluated(2, 0.1), evaluated(1, 0.1))


def test_clusters_are_not_called_rows() -> None:
    found = evaluated(1, 0.1)
    assert "on 524 rows" in text(found)
    clustered = replace(found, evidence={**found.evidence, "duel": {"cluster_column": "person"}})
    shown = text(clustered)
    assert "on 524 clusters" in shown
    assert "524 rows" not in shown


def test_versions_commands_and_dates_in_sentences() -> None:
    versions = {"2990322000": "linnerud@6", "2992338000": "linnerud@8"}
    change = event(
        2,
        "set_traffic",
        reason="2992338000 is challenger with 20 % of the traffic since 2026-11-24 05:00",
        versions=versions,
        evidence={"reason": "more of them"},
    )
    blocked = event(
        1,
        "blocked",
        reason=f"2990322000 is not the challenger on {ENDPOINT} (it is 2992338000); look at "
        "`titleholder status --deployed-model-id 2992338000` or linnerud-duel-2992338000",
        run="command line 2026-11-26T16:58:24Z",
    )
    html = page([facts(change, blocked, view=VIEW)], NOW, None)
    shown = text(change, blocked)
    assert "linnerud@8 is challenger with 20 % of the traffic" in shown
    assert '<span title="2992338000">linnerud@8</span> is challenger' in html
    assert "“more of them”" in shown
    assert (
        "linnerud@6 (2990322000) is not the challenger on the endpoint (it is linnerud@8 "
        "(2992338000)); look at titleholder status --deployed-model-id 2992338000 or "
        "linnerud-duel-2992338000 unknown, command line" in shown
    )
    assert "<code>titleholder status --deployed-model-id 2992338000</code>" in html
    assert "`" not in shown
    assert '<span class="whole">2026-11-24 05:00</span>' in html


def test_blocked_events_do_not_displace_changes() -> None:
    changes = [event(30 - number, "set_traffic", reason=f"change {number}") for number in range(5)]
    typed = [event(20 - number / 10, "blocked", reason=f"typed {number}") for number in range(40)]
    shown = text(*changes, *typed, event(1, "promote", reason="the newest"))
    assert all(f"change {number}" in shown for number in range(5))
    assert "the newest" in shown
    assert "typed 39" in shown
    assert "39 more “blocked”, the first 2026-11-05 09:00" in shown


def test_the_overview_says_of_when_its_row_is_if_the_endpoint_cannot_be_read() -> None:
    note = "The endpoint: shown as of 2026-11-25 09:00 UTC."
    reason = ("The endpoint could not be read: no.",)
    found = replace(facts(evaluated(2, 0.1)), unreachable=reason, notes=(note,))

    def overview(of: ModelFacts) -> str:
        return Parsed(page([of], NOW, "").partition("</table>")[0]).text

    assert "The endpoint could not be read: no." in overview(found)
    assert note in overview(found)
    assert note not in overview(replace(found, unreachable=()))


def test_an_unfinished_page_reloads() -> None:
    found = replace(facts(evaluated(2, 0.1)), notes=("The endpoint: being read now.",))
    assert "The endpoint: being read now." in Parsed(page([found], NOW, "")).text
    assert "refresh" not in page([found], NOW, "")
    again = page([replace(found, unfinished=True)], NOW, "", framed=True)
    assert '<meta http-equiv="refresh" content="5">' in again


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (facts(view=View("linnerud", None)), "There is no endpoint yet"),
        (facts(view=View("linnerud", ENDPOINT)), "No model is deployed on the endpoint."),
        (facts(view=VIEW), "No challenger has been evaluated yet."),
        (facts(view=VIEW, duel=None, watch=None), "This model has no section duel"),
        (facts(evaluated(1, None, None), view=VIEW), "had rows to estimate a difference from"),
        (facts(unreachable=("The endpoint could not be read: no.",)), "could not be read: no."),
        (
            facts(view=View("linnerud", ENDPOINT, DEPLOYED, LABELS | {"champion": "9"})),
            "names no deployed model, so the champion was undeployed by hand",
        ),
        (Unreadable("other", "other.yaml: gate: is missing; add it"), "gate: is missing"),
    ],
)
def test_missing_facts_are_named(found, text: str) -> None:
    assert text in Parsed(page([found], NOW, None)).text


def test_there_may_be_no_model() -> None:
    assert "There is no model whose DAGs you may see." in Parsed(page([], NOW, "")).text
    assert "There is no model" not in Parsed(page([], NOW, "", others=["a"])).text


def test_hostile_text_stays_text() -> None:
    deployed = (
        DeployedModel("1", HOSTILE, HOSTILE, 100, NOW),
        DeployedModel("2", HOSTILE, "linnerud@2", 0),
    )
    view = View("linnerud", ENDPOINT, deployed, {"champion": "1"}, pending_operations=(HOSTILE,))
    verdict = {"outcome": HOSTILE, "estimate": 0.1, "low": 0.0, "high": 0.2}
    events = (
        event(
            1,
            "evaluated",
            reason=HOSTILE,
            actor=HOSTILE,
            run=HOSTILE,
            challenger_after="2",
            versions={"2": HOSTILE},
            evidence={"verdict": verdict, "job": HOSTILE, "report": HOSTILE, "note": HOSTILE},
        ),
    )
    found = facts(*events, view=view, unreachable=(HOSTILE,), description=HOSTILE, owner=HOSTILE)
    everything = [found, Unreadable(HOSTILE, HOSTILE)]
    for html in (
        page(everything, NOW, "https://a.b", framed=True, others=[HOSTILE]),
        notice(HOSTILE, HOSTILE, (HOSTILE, HOSTILE)),
    ):
        parsed = Parsed(html)
        assert "alert(1)" in parsed.text
        assert "49" not in parsed.text
        assert len(parsed.of("script")) == html.count("MutationObserver") > -1
        assert parsed.of("img") == []
        for _, attributes in parsed.elements:
            assert not [name for name in attributes if name.startswith("on")]
        for link in parsed.of("a"):
            assert re.match(r"https://|#|\?model=|<script", str(link["href"])), link


def test_nothing_is_fetched_and_only_our_script_runs() -> None:
    html = page([facts(evaluated(1, 0.1), view=VIEW)], NOW, None, framed=True)
    assert policy(framed=True).startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy(framed=True)
    assert "<script>" not in page([], NOW, None)
    assert not re.search(r"\b(src|@import|url\()", re.sub(r"<a .*?>", "", html.split("<body>")[1]))
    assert CONFIG.model in html
