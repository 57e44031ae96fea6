"""The page as HTML: what it says, that what comes from outside is text, and that nothing else is
needed or let in."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.titleholder.page.told import CONFIG, ENDPOINT, NOW, event, facts, judged
from titleholder.page.facts import Unreadable
from titleholder.page.render import notice, page, policy
from titleholder.rollout.view import Seat, Version, View
from titleholder.run import deployed_id_of

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(2)">'"&{{ 7 * 7 }}"""
SEATS = (
    Seat("1", "linnerud-champion-model", "linnerud@1", 90, NOW),
    Seat("2", "linnerud-challenger-model", "linnerud@2", 10, NOW),
)
LABELS = {"champion": "1", "challenger": "2", "challenger-share": "10"}
VIEW = View("linnerud", ENDPOINT, SEATS, LABELS)


class Seen(HTMLParser):
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


def test_who_answers_and_what_was_earned() -> None:
    came = event(
        3,
        "seat",
        challenger_after="2",
        champion_before="1",
        champion_after="1",
        evidence={"score": 96.5},
        versions={"1": "linnerud@1"},
    )
    html = page([facts(came, judged(2, 0.01), judged(1, 0.1), view=VIEW)], NOW, "https://a.b")
    seen = Seen(html)
    for said in ("90 %", "champion", "10 %", "challenger", "score 96.5", "hold: not decided yet"):
        assert said in seen.text.replace("\xa0", " "), said
    bar = next(one for one in seen.of("svg") if one.get("class") == "bar")
    assert bar["aria-label"] == "champion 90 %, challenger 10 %"
    assert [float(one["width"] or 0) for one in seen.of("rect")] == [90, 10]
    assert len(seen.of("circle")) == 2 * 2, "for a wide and a narrow screen"
    targets = {one["href"] for one in seen.of("a")}
    assert "https://a.b/dags/linnerud__train" in targets
    assert any(str(t).startswith("https://a.b/dags/linnerud__rollout/runs/") for t in targets)
    assert any("/pipelines/runs/duel-1" in str(t) for t in targets)
    assert any("report.html" in str(t) for t in targets)


def test_the_end_of_a_models_data_is_read_from_the_registry() -> None:
    alias = "linnerud-20261109t0300-20261116t0300-g0"
    ours = Seat(deployed_id_of(alias) or "", "linnerud-champion-model", "linnerud@1", 100)
    view = View("linnerud", ENDPOINT, (ours,), {"champion": ours.id})
    known = replace(view, versions=(Version("1", frozenset([alias])),))
    assert "data until 2026-11-16 03:00" in Seen(page([facts(view=known)], NOW, "")).text
    foreign = Seen(page([facts(view=view)], NOW, "")).text
    assert "data until" not in foreign
    assert "deployed by somebody else" in foreign


def test_a_challenger_that_no_verdict_is_about() -> None:
    before = facts(judged(2, 0.1, who="0"), view=VIEW)
    assert "linnerud@2 has not been judged yet." in Seen(page([before], NOW, None)).text
    now = facts(judged(2, 0.1, who="2"), view=VIEW)
    assert "has not been judged yet" not in Seen(page([now], NOW, None)).text


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (facts(view=View("linnerud", None)), "There is no endpoint yet"),
        (facts(view=View("linnerud", ENDPOINT)), "No model is deployed on the endpoint."),
        (facts(view=VIEW), "No challenger has been judged yet."),
        (facts(view=VIEW, duel=None), "This model has no section duel"),
        (facts(judged(1, None, None), view=VIEW), "had rows to estimate a difference from"),
        (facts(away=("The endpoint could not be read: no.",)), "could not be read: no."),
        (
            facts(view=View("linnerud", ENDPOINT, SEATS, LABELS | {"champion": "9"})),
            "names no deployed model, so somebody took the champion down",
        ),
        (Unreadable("other", "other.yaml: gate: is missing; add it"), "gate: is missing"),
    ],
)
def test_what_is_missing_is_said(found, said: str) -> None:
    assert said in Seen(page([found], NOW, None)).text


def test_many_models_are_a_list() -> None:
    seen = Seen(page([], NOW, "", others=["a", "b"]))
    assert [one["href"] for one in seen.of("a")] == ["?model=a", "?model=b"]
    assert "There is no model" not in seen.text
    assert "There is no model whose DAGs you may see." in Seen(page([], NOW, "")).text


def test_hostile_text_is_text() -> None:
    seats = (Seat("1", HOSTILE, HOSTILE, 100, NOW), Seat("2", HOSTILE, "linnerud@2", 0))
    view = View("linnerud", ENDPOINT, seats, {"champion": "1"}, busy=(HOSTILE,))
    verdict = {"outcome": HOSTILE, "estimate": 0.1, "low": 0.0, "high": 0.2}
    events = (
        event(
            1,
            "judged",
            reason=HOSTILE,
            actor=HOSTILE,
            run=HOSTILE,
            challenger_after="2",
            versions={"2": HOSTILE},
            evidence={"verdict": verdict, "job": HOSTILE, "report": HOSTILE, "note": HOSTILE},
        ),
    )
    found = facts(*events, view=view, away=(HOSTILE,), description=HOSTILE, owner=HOSTILE)
    everything = [found, Unreadable(HOSTILE, HOSTILE)]
    for html in (
        page(everything, NOW, "https://a.b", framed=True, others=[HOSTILE]),
        notice(HOSTILE, HOSTILE, (HOSTILE, HOSTILE)),
    ):
        seen = Seen(html)
        assert "alert(1)" in seen.text
        assert "49" not in seen.text
        assert len(seen.of("script")) == html.count("MutationObserver") > -1
        assert seen.of("img") == []
        for _, attributes in seen.elements:
            assert not [name for name in attributes if name.startswith("on")]
        for link in seen.of("a"):
            assert re.match(r"https://|#|\?model=|<script", str(link["href"])), link


def test_nothing_is_fetched_and_only_our_own_text_runs() -> None:
    html = page([facts(judged(1, 0.1), view=VIEW)], NOW, None, framed=True)
    assert policy(framed=True).startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy(framed=True)
    assert "<script>" not in page([], NOW, None)
    assert not re.search(r"\b(src|@import|url\()", re.sub(r"<a .*?>", "", html.split("<body>")[1]))
    assert CONFIG.model in html
