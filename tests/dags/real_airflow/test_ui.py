"""The UI of a real Airflow: the form of `<model>__rollout`, and the page."""

import os
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
from playwright.sync_api import Locator

from tests.browser import BROKEN_DATES, CLIPPED, browser, needs_browser
from tests.conftest import DAGS_FOLDER, REPOSITORY, Sandbox, run_sandbox
from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.contested import evaluate
from tests.dags.real_airflow.client import WEEK, Airflow
from tests.sandbox.services.test_browser_guard import IMAGE, LINK, TYPED, listens_on_loopback_only
from tests.sink import Sink
from tests.terminal import PLAIN, in_terminal

TRAIN_TASKS = ("check_freshness", "submit_pipeline", "wait_for_pipeline", "update_traffic")


def test_promotion_by_the_form(
    model: Callable[..., Model], airflow: Airflow, google: Google, airflow_webhook: Sink
) -> None:
    made = model()
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(2)))
    assert made.run(WEEK.start).state == "success"
    airflow.start(f"{made.name}__train")
    airflow.run(f"{made.name}__train")
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]

    dag_id = f"{made.name}__rollout"
    airflow.start(dag_id)
    answer = airflow.trigger(dag_id, intent="promote")
    assert answer.status_code == 200, answer.text
    airflow.run(dag_id)
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {challenger: 100}
    # The first week was run by `dag.test()` with another database: the page has no link to it.
    ids = f"{made.name}__train", dag_id
    known = {(one, run["dag_run_id"]) for one in ids for run in airflow.runs(one)}
    linked = links_to_runs(airflow, made.name)
    assert {one for one, _ in linked} == set(ids)
    assert linked <= known
    assert endpoint.labels["champion"] == challenger
    assert endpoint.labels["previous-champion"] == champion

    before = google.endpoint(made.name)
    answer = airflow.trigger(dag_id, intent="rollback")
    run = answer.json()["dag_run_id"]

    def over() -> Any:
        states = {one["dag_run_id"]: one["state"] for one in airflow.runs(dag_id)}
        return states[run] in ("success", "failed") and states[run]

    assert airflow.wait("the end of a rollback", over) == "failed"
    assert airflow.tasks(dag_id, run) == {"observe": "failed", "update_traffic": "upstream_failed"}
    assert (
        f"there is no challenger on {endpoint.name}; to bring the previous champion "
        f"{made.name}@1 back, use `titleholder undo-promotion {made.name} --deployed-model-id "
        f"{champion}`" in airflow.log(dag_id, run, "observe")
    )
    assert google.endpoint(made.name) == before
    assert airflow_webhook.titles() == [
        "challenger deployed",
        "challenger promoted",
        "invalid request",
    ]
    assert "observe failed: there is no challenger on" in airflow_webhook.texts[2]
    assert f"/dags/{dag_id}/runs/" in airflow_webhook.texts[2]


def test_the_command_line_and_a_running_airflow_know_the_same_runs(
    model: Callable[..., Model], airflow: Airflow, sandbox: Sandbox
) -> None:
    made = model()
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(3)))
    train, rollout = f"{made.name}__train", f"{made.name}__rollout"
    folder = ("--dags", str(DAGS_FOLDER))

    def up() -> str:
        done = run_sandbox(sandbox.var, "up", "--airflow", *folder)
        assert done.returncode == 0, done.stderr
        (line,) = [one for one in done.stdout.splitlines() if one.startswith("schedules ")]
        return line

    # Without a duel the second DAG has no schedule, and is never paused.
    assert train in up(), "also before Airflow has read the DAG"
    airflow.wait(train, lambda: airflow.http.get(f"/dags/{train}").status_code == 200)
    shown = up()
    assert train in shown
    assert rollout not in shown
    airflow.call("PATCH", f"/dags/{rollout}", {"is_paused": True})
    assert "all DAGs are paused" in up()

    command = [sys.executable, "-m", "sandbox", "--var", str(sandbox.var), "run", made.name]
    environment = {name: value for name, value in os.environ.items() if name not in PLAIN}
    ran = in_terminal(
        [*command, "--runs", "2", *folder], 80, environment | {"TERM": "xterm-256color"}, REPOSITORY
    )
    assert ran.code == 0, ran.raw
    text = "\n".join(ran.lines)
    assert text.count("✓ ") == 8, text
    assert text.count(" success after ") == 2
    (page,) = re.findall(r"page +(\S+)", text)
    assert f"endpoint {made.name}" in text
    assert httpx.get(page).status_code == 200
    assert max(len(line) for line in ran.lines if line.startswith("  ✓ ")) <= 80
    base = airflow.http.base_url
    assert f"http://{base.host}:{base.port}/  with these runs and their logs" in text
    assert "up --airflow" not in text
    runs = airflow.runs(train)
    first, second = sorted(datetime.fromisoformat(run["data_interval_end"]) for run in runs)
    assert second - first == timedelta(weeks=1)
    for run in runs:
        assert 0 <= run["duration"] < 86_400
        assert airflow.tasks(train, run["dag_run_id"]) == dict.fromkeys(TRAIN_TASKS, "success")
        for task in TRAIN_TASKS:
            log = airflow.log(train, run["dag_run_id"], task)
            assert ("fresh: " in log) == (task == "check_freshness")

    airflow.start(train)
    assert train not in up()
    airflow.wait(
        "the end of the scheduled run, too",
        lambda: [run["state"] for run in airflow.runs(train)] == ["success"] * 3,
    )


def test_wrong_parameters_are_refused_by_the_form(
    model: Callable[..., Model], airflow: Airflow
) -> None:
    dag_id = f"{model().name}__rollout"
    airflow.wait(dag_id, lambda: airflow.http.get(f"/dags/{dag_id}").status_code == 200)
    wrong: list[tuple[dict[str, object], str]] = [
        (
            {"intent": "set_traffic", "traffic_percentage": 100},
            "100 is greater than the maximum of 99",
        ),
        ({"intent": "set_traffic", "traffic_percentage": 0}, "0 is less than the minimum of 1"),
        (
            {"intent": "set_traffic", "traffic_percentage": 20.5},
            "traffic_percentage: 20.5 is not of type 'integer'",
        ),
        (
            {"intent": "set_traffic", "traffic_percentage": "20"},
            "traffic_percentage: '20' is not of type 'integer'",
        ),
        (
            {"intent": "set_traffic", "traffic_percentage": True},
            "traffic_percentage: True is not of type 'integer'",
        ),
        (
            {"intent": "set_traffic", "traffic_percentage": None},
            "traffic_percentage: None is not of type 'integer'",
        ),
        ({"intent": "deploy"}, "'deploy' is not one of ['promote', 'rollback'"),
        ({"intent": "promote", "deployed_model_id": "linnerud"}, "'linnerud' does not match"),
        ({}, "No value passed"),
        ({"intent": "promote", "reason": "x" * 1001}, "is too long"),
    ]
    for given, reason in wrong:
        answer = airflow.trigger(dag_id, **given)
        assert answer.status_code == 400, answer.text
        assert reason in answer.json()["detail"]
    assert airflow.runs(dag_id) == []


def test_airflow_serves_only_this_machine_and_its_own_pages(
    airflow: Airflow, sandbox: Sandbox
) -> None:
    assert listens_on_loopback_only(sandbox)
    base = airflow.http.base_url
    own = f"http://{base.host}:{base.port}"
    for path in ("/", "/auth/token", "/api/v2/dags"):
        for headers in (
            {"Origin": "http://evil.example"},
            {"Host": "evil.example"},
            {"Sec-Fetch-Site": "cross-site", **IMAGE},
            {"Sec-Fetch-Site": "same-site", **LINK},
        ):
            for method in ("GET", "POST", "OPTIONS"):
                answer = httpx.request(method, f"{own}{path}", headers=headers)
                assert answer.status_code == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]
        for headers in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin", **IMAGE}, TYPED):
            assert httpx.get(f"{own}{path}", headers=headers).status_code != 403
        assert httpx.post(f"{own}{path}", headers=TYPED).status_code == 403
    assert airflow.http.get("/dags", headers={"Origin": own}).status_code == 200


def links_to_runs(airflow: Airflow, name: str) -> set[tuple[str, str]]:
    """The dag runs that the page of that model links to: DAG and run, unquoted."""
    found = re.findall(r'href="/dags/([^/"]+)/runs/([^/"]+)"', airflow.page(name))
    return {(dag_id, unquote(run)) for dag_id, run in found}


@needs_browser
def test_the_page_in_a_browser(
    contested: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = contested()
    held = evaluate(made, "equal", 1)
    assert held.state == "success", held.errors
    dag_id = f"{made.name}__rollout"
    airflow.wait(dag_id, lambda: airflow.http.get(f"/dags/{dag_id}").status_code == 200)
    base = airflow.http.base_url
    # A desktop and a phone.
    with browser() as open_page:
        for scheme, width, paper in (
            ("light", 1280, "rgb(255, 255, 255)"),
            ("dark", 1280, "rgb(18, 22, 29)"),
            ("light", 390, "rgb(255, 255, 255)"),
        ):
            page = open_page(scheme, width)
            page.goto(f"http://{base.host}:{base.port}/")
            page.get_by_role("link", name="Titleholder").click()
            inside = page.frame_locator("iframe")
            inside.get_by_role("link", name=made.name, exact=True).click()
            section = inside.locator(f"section#{made.name}")
            bar = section.locator("svg.bar")
            bar.wait_for(state="attached")
            assert bar.get_attribute("aria-label") == "champion 90 %, challenger 10 %"
            if width <= 560:
                for part in section.locator("details.fold").all():
                    part.locator("summary").first.click()
            assert "not decided yet: the absolute loss of y" in section.inner_text()
            wide, narrow = section.locator("figure svg").all()
            assert (wide.is_visible(), narrow.is_visible()) == (width > 560, width <= 560)
            body = inside.locator("body")
            assert body.evaluate("body => getComputedStyle(body).backgroundColor") == paper
            assert body.evaluate(CLIPPED) == []
            section.get_by_text("1 verdict as a table").click()
            assert section.locator(".scroll tbody tr").count() == 1
            assert body.evaluate(BROKEN_DATES) == []
            if scheme == "dark":
                ask_for_traffic(section)
            section.get_by_role("link", name=dag_id).first.click()
            page.wait_for_url(f"**/dags/{dag_id}")
            page.close()
    (run,) = (one for one in airflow.runs(dag_id) if one["run_type"] == "manual")
    challenger = google.endpoint(made.name).labels["challenger"]
    assert run["conf"] == {
        "intent": "set_traffic",
        "deployed_model_id": challenger,
        "traffic_percentage": 25,
        "reason": "a quiet week",
    }


def ask_for_traffic(section: Locator) -> None:
    """Trigger a dag run by the page's form."""
    section.get_by_role("link", name="set traffic…").click()
    form = section.get_by_role("dialog")
    form.get_by_label("Traffic percentage").fill("25")
    form.get_by_label("Reason").fill("a quiet week")
    form.get_by_role("button", name="Trigger").click()
    form.wait_for(state="hidden")
