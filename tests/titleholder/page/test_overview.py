"""The overview: who comes first, and what each row says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.titleholder.page.model_sections import DAY, ENDPOINT, NOW, evaluated, event, facts
from tests.titleholder.page.test_render import DEPLOYED, VIEW, Parsed
from titleholder.events.event import Event
from titleholder.page.dag_runs import DagRun, DagState, Task
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.overview import Attention, overview
from titleholder.page.render import page
from titleholder.rollout.view import View

TRAINED = event(2, "deploy_challenger", interval_start=NOW - 9 * DAY, interval_end=NOW - 2 * DAY)


def named(model: str, *events: Event, view: View | None = VIEW, **changes: object) -> ModelFacts:
    """The facts of a model of that name whose newest week is there."""
    found = facts(TRAINED, *events, view=view)
    config = found.config.model_copy(update={"model": model})
    return replace(found, config=config, **changes)


def run(state: str, task: str = "", task_state: str = "") -> DagState:
    tasks = (Task(task, task_state, NOW, 1, 3),) if task else ()
    return DagState((DagRun("r", state, NOW, tasks),))


def test_models_that_need_a_person_come_first() -> None:
    drifted = replace(VIEW, labels={"champion": "9"})
    found = [
        named("a-quiet"),
        named("b-late", events=[]),
        named("c-failed"),
        named("d-asks"),
        named("e-drifted", view=drifted),
        named("f-unreachable", unreachable=("The endpoint could not be read: no.",)),
        Unreadable("g-broken", "g-broken.yaml: gate: is missing; add it"),
        # The missing week is being trained.
        named("h-trains", events=[]),
        named("i-retries"),
    ]
    dags = {
        "a-quiet__train": run("success"),
        "c-failed__train": run("failed"),
        "d-asks__rollout": run("running", "approve", "awaiting_input"),
        "h-trains__train": run("running", "wait_for_pipeline", "deferred"),
        "i-retries__rollout": run("running", "decide", "up_for_retry"),
    }
    rows = overview(found, dags)
    assert [(row.model, row.attention) for row in rows] == [
        ("d-asks", Attention.ACTION),
        ("e-drifted", Attention.ACTION),
        ("f-unreachable", Attention.ACTION),
        ("g-broken", Attention.ACTION),
        ("c-failed", Attention.FAILED),
        ("i-retries", Attention.FAILED),
        ("b-late", Attention.LATE),
        ("a-quiet", Attention.NONE),
        ("h-trains", Attention.NONE),
    ]
    assert "the champion was undeployed by hand" in rows[1].warnings[0]
    assert rows[3].warnings == ["g-broken.yaml: gate: is missing; add it"]
    assert [len(row.runs) for row in rows] == [1, 0, 0, 0, 1, 1, 0, 0, 1]


def row_text(html: str) -> str:
    (text,) = (html.split("<tbody")[1].split("</tbody>")[0],)
    return " ".join(Parsed(f"<tbody{text}").text.replace("\xa0", " ").split())


def test_a_row_has_versions_ages_verdict_source_and_runs() -> None:
    present = replace(
        VIEW,
        deployed_models=(
            replace(DEPLOYED[0], deployed_at=NOW - 12 * DAY),
            replace(DEPLOYED[1], deployed_at=NOW - timedelta(hours=30)),
        ),
    )
    dags = {"linnerud__train": run("running", "wait_for_pipeline", "deferred")}
    html = page([named("linnerud", evaluated(0.5, 0.1), view=present)], NOW, "", dags=dags)
    assert row_text(html) == (
        "linnerud champion: 90 % to linnerud@1 challenger: 10 % to linnerud@2 90 % linnerud@1 "
        "12 d ago 10 % linnerud@2 30 h ago hold 12 h ago look 0 of 5 until 2026-11-29 not recorded "
        "until 2 d ago waits for the pipeline linnerud__train, 0 s ago"
    )
    assert f'<time datetime="{(NOW - 12 * DAY).isoformat()}" title="2026-11-13 09:00 UTC">' in (
        html.replace("&#43;", "+")
    )
    alone = View(
        "linnerud", ENDPOINT, (replace(DEPLOYED[0], traffic_percentage=100),), {"champion": "1"}
    )
    assert "no challenger" in row_text(page([named("linnerud", view=alone)], NOW, ""))
    assert "not evaluated yet" in row_text(page([named("linnerud")], NOW, ""))
    nothing = named("linnerud", view=None, events=None)
    assert row_text(page([nothing], NOW, "")).count("not known now") == 3


def test_many_models_have_pages_of_their_own() -> None:
    found = [named(name) for name in ("a", "b")]
    links = [one["href"] for one in Parsed(page(found, NOW, None)).of("a")]
    assert links[:2] == ["#a", "#b"]
    html = page(found, NOW, "", detailed=False, framed=True, others=["c & d"])
    parsed = Parsed(html)
    assert [one["href"] for one in parsed.of("a")] == ["?model=a", "?model=b", "?model=c%20%26%20d"]
    assert parsed.of("section") == []
    assert "All models" not in html
    assert "All models" in page(found[:1], NOW, "", framed=True, others=None)


@pytest.mark.parametrize(
    ("state", "task", "task_state", "text"),
    [
        ("queued", "", "", "is queued"),
        ("running", "", "", "runs"),
        ("running", "observe", "queued", "starts observe"),
        ("running", "observe", "running", "runs observe"),
        ("running", "observe", "up_for_retry", "observe failed, attempt 2 of 3 follows"),
        ("running", "approve", "awaiting_input", "waits for an approval"),
        ("failed", "decide", "failed", "failed in decide"),
        ("success", "", "", "succeeded"),
    ],
)
def test_every_state_of_a_run_is_shown(state: str, task: str, task_state: str, text: str) -> None:
    dags = {"linnerud__rollout": run(state, task, task_state)}
    html = page([named("linnerud")], NOW, "", dags=dags, framed=True)
    assert f">{text}</span>" in html
    assert html.count("/required_actions") == (2 if task == "approve" else 0)


def test_only_who_may_trigger_sees_forms() -> None:
    for permitted in (True, False):
        dags = {"linnerud__rollout": DagState(may_trigger=permitted)}
        html = page([named("linnerud")], NOW, "/base", dags=dags, framed=True)
        form = 'data-url="/base/api/v2/dags/linnerud__rollout/dagRuns"'
        assert (form in html) == permitted == bool(Parsed(html).of("dialog"))
    assert Parsed(page([named("linnerud")], NOW, "https://a.b")).of("dialog") == []
