"""Delivery of alerts; a failed delivery raises nothing and reveals no secret."""

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest

from tests.sink import SECRET, Sink, sink
from titleholder.alerts import webhook
from titleholder.alerts.alert import Alert, AlertKind
from titleholder.alerts.notifier import AlertNotifier
from titleholder.alerts.webhook import DeliveryError, post, webhook_of

ALERT = Alert(
    AlertKind.CHALLENGER_DEPLOYED, "linnerud", "a week", "It is deployed.", "10 %.", "Nothing."
)
RUN = {"dag_run": SimpleNamespace(dag_id="d", run_id="r+1", run_type="scheduled")}


@pytest.fixture
def into() -> Iterator[Sink]:
    with sink() as into:
        yield into


def set_webhook(monkeypatch: pytest.MonkeyPatch, password: str | None) -> None:
    connection = json.dumps({"conn_type": "http", "password": password})
    monkeypatch.setenv("AIRFLOW_CONN_TITLEHOLDER_ALERTS", connection)


def notifier(**more: Any) -> AlertNotifier:
    return AlertNotifier(model="linnerud", connection="titleholder_alerts", **more)


def test_an_alert_is_posted_with_a_link_to_the_run(
    into: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    set_webhook(monkeypatch, into.url)
    with caplog.at_level(logging.DEBUG):
        notifier().send(ALERT, RUN)
    (text,) = into.texts
    assert text.startswith("*linnerud: challenger deployed* (a week)\nIt is deployed.\n")
    assert text.endswith("<https://airflow.example/dags/d/runs/r%2B1|Airflow>")
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("run_type", "backfills", "posted"),
    [
        ("scheduled", False, 1),
        ("manual", False, 1),
        ("backfill", False, 0),
        ("backfill", True, 1),
    ],
)
def test_a_backfill_posts_nothing_by_default(
    into: Sink, monkeypatch: pytest.MonkeyPatch, run_type: str, backfills: bool, posted: int
) -> None:
    set_webhook(monkeypatch, into.url)
    # Reprocessing keeps the run's id, so the id does not show a backfill.
    run = {"dag_run": {"dag_id": "d", "dag_run_id": "scheduled__1", "run_type": run_type}}
    notifier(backfills=backfills).send(ALERT, run)
    assert len(into.posted) == posted


def test_without_a_connection_the_alert_is_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    notifier().send(ALERT, RUN)
    output = capfd.readouterr().out
    assert "titleholder: linnerud: challenger deployed (a week): It is deployed." in output
    assert "warning" not in output


def test_a_late_run_is_reported(into: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    set_webhook(monkeypatch, into.url)
    dag_run = {
        "dag_id": "linnerud__train",
        "dag_run_id": "scheduled__1",
        "run_type": "scheduled",
        "state": "running",
        "data_interval_start": "2026-11-09T03:00:00Z",
        "data_interval_end": "2026-11-16T03:00:00Z",
    }
    deadline = {"id": "1", "deadline_time": "2026-11-17T03:00:00+00:00"}
    notifier(context={})({"dag_run": dag_run, "deadline": deadline})
    (text,) = into.texts
    assert "(data of 2026-11-09 03:00 to 2026-11-16 03:00 UTC)" in text
    assert "linnerud__train (scheduled__1) goes on, and should have ended by 2026-11-17" in text
    notifier()({"dag_run": {**dag_run, "state": "success"}, "deadline": deadline})
    assert len(into.posted) == 1, "a run that has ended is not late"


def test_a_run_that_failed_without_a_failed_task_is_reported(
    into: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_webhook(monkeypatch, into.url)
    notifier()({**RUN, "reason": "task_failure"})
    assert into.texts == [], "the task has an alert of its own"
    notifier()({"run_id": "r1", "reason": "timed_out"})
    (text,) = into.texts
    assert text.startswith("*linnerud: run failed* (an unknown run)\nThe run failed: timed out.")


def bad_webhook(into: Sink, kind: str) -> str:
    """The address of a webhook that fails in this way."""
    match kind:
        case "answers 500":
            into.answer = 500
        case "leads elsewhere":
            into.answer, into.location = 302, into.url
        case "hangs":
            into.hangs = True
        case "is not there":
            return into.url.replace(into.url.split("/")[2], "127.0.0.1:9")
        case "speaks no TLS":
            return into.url.replace("http://", "https://")
        case "is no address":
            return f"http://[{SECRET}"
        case "is no https":
            return f"http://hooks.example.com/{SECRET}"
        case "is a file":
            return f"file:///tmp/{SECRET}"
        case "is empty":
            return ""
    return into.url


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("answers 500", "it answered 500"),
        ("leads elsewhere", "it answered 302"),
        ("hangs", "it did not answer in time"),
        ("is not there", "it cannot be reached"),
        ("speaks no TLS", "it cannot be reached"),
        ("is no address", "its password is no address"),
        ("is no https", "its password is no https address"),
        ("is a file", "its password is no https address"),
        ("is empty", "it has no password; put the whole address of the webhook there"),
    ],
)
def test_a_bad_webhook_is_a_warning_without_the_secret(
    into: Sink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    kind: str,
    says: str,
) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)
    set_webhook(monkeypatch, bad_webhook(into, kind))
    with caplog.at_level(logging.DEBUG):
        notifier().send(ALERT, RUN)
    output = caplog.text + "".join(capfd.readouterr())
    assert (
        "titleholder: the alert could not be sent by the webhook of the connection "
        f"titleholder_alerts: {says}"
    ) in output
    assert "hush4this" not in output
    assert "T0TITLEHOLDER" not in output
    assert len(into.posted) <= 1


def test_the_alert_is_the_last_line_also_where_it_could_not_be_sent(
    into: Sink, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    set_webhook(monkeypatch, bad_webhook(into, "answers 500"))
    notifier().send(ALERT, RUN)
    notifier().send(ALERT, {"dag_run": {"run_type": "backfill"}})
    lines = [one for one in capfd.readouterr().out.splitlines() if "titleholder: " in one]
    for line, text in zip(
        lines,
        ("it answered 500", "It is deployed.", "not sent: a backfill", "It is deployed."),
        strict=True,
    ):
        assert text in line


def test_exceptions_do_not_contain_the_secret(into: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeliveryError) as raised:
        post(bad_webhook(into, "is not there"), {"text": "text"})
    assert SECRET not in repr(raised.value)
    assert raised.value.__cause__ is None
    set_webhook(monkeypatch, f"http://hooks.example.com/{SECRET}")
    with pytest.raises(DeliveryError) as raised:
        webhook_of("titleholder_alerts")
    assert SECRET not in repr(raised.value)


class Mailbox:
    """A mail server on this machine."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline().decode().strip():
                    if line.upper() == "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                        box.received.append(message_from_string("\n".join(lines)))
                    self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box = Mailbox()
    thread = threading.Thread(target=box.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", str(box.server.server_address[1]))
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_STARTTLS", "False")
    try:
        yield box
    finally:
        box.server.shutdown()
        thread.join()
        box.server.server_close()


def test_an_e_mail_is_sent_by_the_backend_of_airflow(mailbox: Mailbox) -> None:
    notifier(email=["a@example.com", "b@example.com"]).send(ALERT, RUN)
    (message,) = mailbox.received
    assert message["To"] == "a@example.com, b@example.com"
    assert message["Subject"] == "Titleholder: linnerud: challenger deployed"
    (body,) = message.get_payload()
    assert "<p>It is deployed.</p>" in body.get_payload(decode=True).decode()


def test_a_missing_mail_server_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", "9")
    notifier(email=["a@example.com"]).send(ALERT, RUN)
    warning = "titleholder: the alert could not be sent by e-mail: ConnectionRefusedError"
    assert warning in capfd.readouterr().out
