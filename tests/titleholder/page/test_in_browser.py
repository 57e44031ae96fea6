"""The page in a real browser: nothing is clipped, the filter, the refresh, and the forms."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import BROKEN_DATES, CLIPPED, browser, needs_browser
from tests.titleholder.page.model_sections import CONFIG, DAY, NOW, evaluated, event, facts
from tests.titleholder.page.test_render import DEPLOYED, LABELS, VIEW
from tests.titleholder.page.test_watching import EVENTS as WATCHED
from tests.titleholder.page.test_watching import watched
from titleholder.page.dag_runs import DagRun, DagState, Task
from titleholder.page.facts import ModelFacts
from titleholder.page.render import page
from titleholder.rollout.roles import Roles, role_labels
from titleholder.rollout.view import View

pytestmark = needs_browser
AIRFLOW = "http://airflow.test"
SPLIT = {"1": 90, "2": 10}
RECORDED = replace(VIEW, labels=role_labels(Roles("1", "2"), SPLIT, "deploy_challenger-1"))
WEEKLY = "linnerud__train/scheduled__2026-11-16T03:00:00+00:00"
EVENTS = (
    event(20, "first_champion", reason="1 becomes champion", versions={"1": "linnerud@1"}),
    event(
        3,
        "deploy_challenger",
        reason="linnerud@2 becomes challenger: it receives 10 %, the champion linnerud@1 90 %",
        actor="airflow",
        run=WEEKLY,
        interval_start=NOW - 9 * DAY,
        interval_end=NOW - 2 * DAY,
        evidence={
            "freshness": {
                "outcome": "fresh",
                "reason": "titleholder-local.linnerud.measurements covers 2026-11-16 03:00 to "
                "2026-11-23 03:00 UTC with 2000 rows, the newest row is of 2026-11-23 02:59 UTC",
            }
        },
    ),
    event(2.5, "blocked", reason="2 is not the challenger", actor="a.person@a-company.example"),
    evaluated(2, 0.01),
    evaluated(1, 0.1),
)


def dag(*runs: DagRun) -> DagState:
    return DagState(runs, may_trigger=True)


WAITING = Task("wait_for_pipeline", "deferred", NOW - timedelta(minutes=20), 1, 3)
FAILED = Task("wait_for_duel", "failed", NOW, 3, 3)
DAGS = {
    "linnerud__train": dag(DagRun("a", "running", NOW, (WAITING,))),
    "linnerud__rollout": dag(DagRun("b", "failed", NOW - DAY, (FAILED,))),
}


@dataclass
class Server:
    """An Airflow that answers with this page, and to a dag run with `status`; `asked` are the
    paths of its requests, `triggered` the bodies of dag runs."""

    html: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    triggered: list[Any] = field(default_factory=list)

    def serve(self, *found: ModelFacts, detailed: bool = True, dags: Any = DAGS) -> None:
        """Serve the page about these models from now on."""
        self.html = page(
            found, NOW, "", runs={WEEKLY}, dags=dags, framed=True, detailed=detailed, others=[]
        )

    def answer(self, route: Route) -> None:
        """Answer one request."""
        path = route.request.url.removeprefix(AIRFLOW)
        self.asked.append(path)
        if path.startswith("/api/"):
            self.triggered.append((path, json.loads(route.request.post_data or "")))
            detail = {"detail": "Forbidden"} if self.status >= 400 else {}
            route.fulfill(status=self.status, json=detail)
        else:
            route.fulfill(status=self.status, body=self.html, content_type="text/html")


@pytest.fixture(scope="module")
def open_page() -> Iterator[Callable[[Any, int], Page]]:
    with browser() as opened:
        yield opened


@pytest.fixture
def server() -> Server:
    made = Server()
    made.serve(facts(*EVENTS, view=RECORDED))
    return made


@pytest.fixture
def look(open_page: Callable[[Any, int], Page], server: Server) -> Iterator[Callable[..., Page]]:
    """Opens the server's page, in a width and a colour scheme."""
    opened = []

    def make(width: int = 1280, scheme: str = "light", path: str = "/titleholder/") -> Page:
        made = open_page(scheme, width)
        opened.append(made)
        made.clock.install(time=NOW)
        made.route(f"{AIRFLOW}/**", server.answer)
        made.goto(f"{AIRFLOW}{path}")
        return made

    yield make
    for one in opened:
        one.close()


def many() -> list[ModelFacts]:
    """Models with a long name, without a reading, and after a manual change."""
    drifted = replace(VIEW, labels=LABELS | {"champion": "9"})
    views: tuple[View | None, ...] = (RECORDED, None, drifted)
    return [
        replace(
            facts(*EVENTS, view=view, unreachable=() if view else ("It could not be read.",)),
            config=CONFIG.model_copy(update={"model": f"{'a-model-with-a-long-name-' * n}{n}"}),
        )
        for n, view in enumerate(views)
    ]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.long),
        pytest.param(390, "light", marks=pytest.mark.long),
    ],
)
def test_nothing_is_clipped(
    server: Server, look: Callable[..., Page], width: int, scheme: str
) -> None:
    server.serve(facts(*EVENTS, view=RECORDED), *many())
    opened = look(width, scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert opened.evaluate(CLIPPED) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate(BROKEN_DATES) == []
    assert opened.evaluate(CONTRASTS) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_loss_of_the_champion_is_drawn(
    server: Server, look: Callable[..., Page], width: int, scheme: str
) -> None:
    server.serve(watched(*WATCHED))
    opened = look(width, scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    part = opened.locator("details.fold", has_text="Watching the champion")
    drawn = part.locator("svg:visible")
    expect(drawn).to_have_count(1)
    assert drawn.locator(".dot").count() == 9
    assert drawn.locator(".dot.worse").count() == 2
    assert drawn.locator(".span").count() == 1
    assert part.locator("tbody tr").count() == 9
    assert opened.evaluate(CLIPPED) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate(BROKEN_DATES) == []
    assert opened.evaluate(CONTRASTS) == []


# JavaScript: the texts whose contrast with the paper, or with the card behind them, is below 4.5,
# the ratio of WCAG 2.2, success criterion 1.4.3.
CONTRASTS = r"""() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = rgba(color).map(one => one / 255)
      .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    const color = getComputedStyle(one).backgroundColor;
    return rgba(color)[3] === 255 || !one.parentElement ? color : behind(one.parentElement);
  };
  const low = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || one.closest("svg, script")) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
      low.push(texts.currentNode.data.trim());
  }
  return low;
}"""


def test_a_phone_shows_the_headings_first(look: Callable[..., Page]) -> None:
    phone, desk = look(390), look(1280)
    for opened, events in ((phone, False), (desk, True)):
        expect(opened.locator("table.overview")).to_be_visible()
        assert opened.locator("table.events").is_visible() == events
        assert opened.locator("figure").is_visible() == events
        for part in opened.locator("details.fold").all():
            assert part.locator("summary").first.is_visible()
    assert phone.evaluate("document.documentElement.scrollHeight / innerHeight") < 1.2


def test_events_are_filtered_by_kind(look: Callable[..., Page]) -> None:
    opened = look()
    rows = opened.locator("table.events tbody tr:visible .event")
    assert rows.all_inner_texts() == ["evaluated", "blocked", "deploy challenger", "first champion"]
    opened.get_by_label("changes").check()
    assert rows.all_inner_texts() == ["deploy challenger", "first champion"]
    # By the keyboard too.
    opened.keyboard.press("ArrowRight")
    assert rows.all_inner_texts() == ["evaluated"]
    opened.get_by_label("blocked and skipped").check()
    assert rows.all_inner_texts() == ["blocked"]


def read_again(opened: Page, server: Server, before: int) -> None:
    """Wait until the server has been asked more than `before` times."""
    while len(server.asked) == before:
        opened.wait_for_timeout(10)


def refreshed(opened: Page, server: Server, seconds: int = 31) -> None:
    """Let that time pass, and wait until the page was read once more."""
    before = len(server.asked)
    opened.clock.run_for(seconds * 1000)
    read_again(opened, server, before)


def test_a_refresh_keeps_what_a_person_did(server: Server, look: Callable[..., Page]) -> None:
    opened = look()
    opened.get_by_label("changes").check()
    opened.get_by_text("All 2 verdicts as a table").click()
    opened.get_by_text("Traffic", exact=True).last.click()
    opened.get_by_label("changes").focus()
    opened.evaluate("scrollTo(0, 300); document.querySelector('.events').mine = true")
    bar = opened.locator("table.overview svg.bar")
    assert bar.get_attribute("aria-label") == "champion 90 %, challenger 10 %"

    # Nothing has changed: the elements stay the same.
    refreshed(opened, server)
    assert opened.evaluate("document.querySelector('.events').mine")

    moved = replace(
        RECORDED,
        deployed_models=tuple(
            replace(one, traffic_percentage=percentage)
            for one, percentage in zip(DEPLOYED, (60, 40), strict=True)
        ),
    )
    server.serve(facts(*EVENTS, event(0.1, "set_traffic", reason="more"), view=moved))
    refreshed(opened, server)
    expect(bar).to_have_attribute("aria-label", "champion 60 %, challenger 40 %")
    assert not opened.evaluate("document.querySelector('.events').mine ?? false")
    kinds = opened.locator("table.events tbody tr:visible .event")
    assert kinds.all_inner_texts() == ["set traffic", "deploy challenger", "first champion"]
    assert opened.locator(".scroll").is_visible()
    assert not opened.locator(".deployed").is_visible()
    assert opened.evaluate("scrollY") == 300
    assert opened.evaluate("document.activeElement.value") == "changes"


def test_a_refresh_that_fails_says_so_and_goes_on(
    server: Server, look: Callable[..., Page]
) -> None:
    opened = look()
    status = opened.get_by_role("status").first
    expect(status).to_have_text("· refreshes every 30 s")
    good, server.html = server.html, "nothing"
    refreshed(opened, server)
    expect(status).to_contain_text("not refreshed")
    assert opened.locator("table.overview").is_visible()
    server.html = good
    refreshed(opened, server)
    expect(status).to_have_text("· refreshes every 30 s")


def test_a_hidden_page_is_not_read(server: Server, look: Callable[..., Page]) -> None:
    opened = look()
    hide = (
        "value => Object.defineProperty(document, 'hidden', { get: () => value, configurable: 1 })"
    )
    opened.evaluate(hide, True)
    opened.clock.run_for(600_000)
    assert server.asked == ["/titleholder/"]
    opened.evaluate(hide, False)
    opened.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    read_again(opened, server, 1)
    expect(opened.get_by_role("status").first).to_have_text("· refreshes every 30 s")
    assert server.asked == ["/titleholder/"] * 2


def test_a_form_triggers_a_dag_run_with_its_intent(
    server: Server, look: Callable[..., Page]
) -> None:
    opened = look()
    opened.get_by_role("link", name="promote…").click()
    form = opened.get_by_role("dialog")
    assert form.get_by_role("heading").inner_text() == "linnerud: promote linnerud@2"
    assert "promote: 100 % to linnerud@2" in form.inner_text()
    form.get_by_label("Reason").fill("better on chins")
    # A refresh would take the form away.
    opened.clock.run_for(600_000)
    form.get_by_role("button", name="Trigger linnerud__rollout").click()
    form.wait_for(state="hidden")
    run = {
        "logical_date": None,
        "conf": {"intent": "promote", "deployed_model_id": "2", "reason": "better on chins"},
    }
    assert server.triggered == [("/api/v2/dags/linnerud__rollout/dagRuns", run)]
    read_again(opened, server, 2)
    assert server.asked[-1] == "/titleholder/", "the page shows the new run"

    # An address opens a form, also on a phone; the browser refuses what Airflow would.
    other = look(390, path="/titleholder/?model=linnerud#linnerud.set_traffic")
    server.triggered.clear()
    form = other.get_by_role("dialog")
    form.get_by_label("Traffic percentage").fill("100")
    form.get_by_role("button", name="Trigger").click()
    assert other.evaluate(CLIPPED) == []
    assert server.triggered == []
    form.get_by_role("button", name="Cancel").click()
    form.wait_for(state="hidden")
    assert "#" not in other.url


def test_a_form_says_why_airflow_refuses(server: Server, look: Callable[..., Page]) -> None:
    opened = look(path="/titleholder/#linnerud.abort")
    server.status = 403
    form = opened.get_by_role("dialog")
    form.get_by_role("button", name="Trigger").click()
    expect(form.get_by_role("alert")).to_have_text("Airflow answers 403: Forbidden")
