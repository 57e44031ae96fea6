"""The facts when services do not answer; tests/dags/test_ui.py has services that do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace

import pytest
from google.auth.credentials import AnonymousCredentials

from sandbox.services.processes import free_port
from tests.conftest import Sandbox
from tests.titleholder.page.hanging import hanging
from tests.titleholder.page.model_sections import CONFIG, NOW, event
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex import clients
from titleholder.page import collect as collecting
from titleholder.page.collect import Answer, Reading, collect


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str | None], Environment]]:
    """With this project, and nothing behind the addresses of Google."""

    def make(project: str | None) -> Environment:
        for name in ("BIGQUERY_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port(None)}")
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
        monkeypatch.setattr(Environment, "_connection", (AnonymousCredentials(), project, {}))
        monkeypatch.setattr(collecting, "SECONDS", 2)
        monkeypatch.setattr(clients, "CALL_SECONDS", 2.0)
        return Environment("unused")

    yield make
    # Only this test waits for the threads: they would draw random waits while others run.
    for thread in threading.enumerate():
        if thread.name.startswith("titleholder-page"):
            thread.join(300)
            assert not thread.is_alive()


def test_unreachable_services_are_named(
    environment: Callable[[str | None], Environment],
) -> None:
    found = collect(CONFIG, environment("titleholder-local"), NOW)
    assert (found.view, found.events) == (None, None)
    endpoint, events = found.unreachable
    assert endpoint.startswith("The endpoint could not be read: ")
    assert events.startswith("The events could not be read: ")


def test_events_are_shown_while_the_endpoint_is_not_known(
    environment: Callable[[str | None], Environment],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They include those of other environments, and the facts say so."""
    local = environment("titleholder-local")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", sandbox.env["BIGQUERY_EMULATOR_HOST"])
    monkeypatch.setattr(collecting, "SECONDS", 20)
    config = CONFIG.model_copy(update={"model": "away", "events_table": "tests_page.events"})
    both = [
        replace(event(days, "first_champion"), model="away", endpoint=f"e{days}") for days in (2, 1)
    ]
    EventsTable(local, config.events_table).append(both)
    found = collect(config, local, NOW)
    assert found.view is None
    assert found.events == both
    assert found.unreachable[1] == (
        "It is not known which of these events are of this endpoint: they are all that "
        "tests_page.events has of away."
    )


def test_a_missing_setting_is_named(environment: Callable[[str | None], Environment]) -> None:
    found = collect(CONFIG, environment(None), NOW)
    assert len(found.unreachable) == 2
    assert all(
        "no Google Cloud project: set it in the Airflow con" in text for text in found.unreachable
    )


def test_an_unexpected_error_is_logged(
    environment: Callable[[str | None], Environment],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret detail")

    found = environment("titleholder-local")
    monkeypatch.setattr(collecting, "Endpoints", fail)
    message = collect(CONFIG, found, NOW).unreachable[0]
    assert message.endswith("something went wrong; the log of the server has the details.")
    assert "a secret detail" in caplog.text


def test_every_call_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging() as google:
        for name in ("BIGQUERY_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST"):
            monkeypatch.setenv(name, google.url)
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
        known = (AnonymousCredentials(), "titleholder-local", {})
        monkeypatch.setattr(Environment, "_connection", known)
        monkeypatch.setattr(collecting, "SECONDS", 1)
        # The limit that calls have by default.
        monkeypatch.setattr(clients, "CALL_SECONDS", 3600.0)
        found = collect(CONFIG, Environment("google_cloud_default"), NOW)
        assert len(found.unreachable) == 2
        # Google never answers: what waits for it can only end by a deadline of the page's own.
        for thread in threading.enumerate():
            if thread.name.startswith("titleholder-page"):
                thread.join(300)
                assert not thread.is_alive()
        assert not google.over.is_set()


@pytest.mark.parametrize("first", ["view", "events"])
def test_the_endpoint_is_named_first_whichever_answers(first: str) -> None:
    reading = Reading(CONFIG, NOW, Future(), Future())
    getattr(reading, first).set_result(Answer(None, "no."))
    named = [text.partition(" could not")[0] for text in reading.facts(late=True).unreachable]
    assert named == ["The endpoint", "The events"]
