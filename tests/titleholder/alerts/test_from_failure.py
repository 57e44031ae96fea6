"""Alerts for failures, late runs and stale sources; and the formats of an alert."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.alerts.formats import chat, line, mail, message, subject
from titleholder.alerts.from_failure import (
    FailedTask,
    alert_for_late_run,
    alert_for_run,
    alert_for_stale_source,
    alert_for_task,
)
from titleholder.alerts.text import inert
from titleholder.data_intervals import Interval
from titleholder.freshness import Finding, FreshnessState

WEEK = "data of 2026-11-09 03:00 to 2026-11-16 03:00 UTC"


@pytest.mark.parametrize(
    ("task", "kind", "traffic", "next_step"),
    [
        (
            "check_freshness",
            AlertKind.TASK,
            "unchanged, as check_freshness does not touch it.",
            "Correct the cause, then clear check_freshness with what follows it.",
        ),
        (
            "wait_for_pipeline",
            AlertKind.PIPELINE,
            "unchanged, as wait_for_pipeline does not touch it.",
            "Read the step's log, correct the cause, then clear submit_pipeline with what follows "
            "it.",
        ),
        (
            "wait_for_duel",
            AlertKind.PIPELINE,
            "unchanged, as wait_for_duel does not touch it.",
            "Read the step's log, correct the cause, then clear submit_duel with what follows it.",
        ),
        (
            "wait_for_watch",
            AlertKind.PIPELINE,
            "unchanged, as wait_for_watch does not touch it.",
            "Read the step's log, correct the cause, then clear submit_watch with what follows it.",
        ),
        (
            "undo_promotion",
            AlertKind.TASK,
            "the champion goes on answering; what was changed before the failure stays, and the "
            "same task finishes it when it is repeated.",
            "Correct the cause, then clear undo_promotion.",
        ),
        (
            "update_traffic",
            AlertKind.TASK,
            "the champion goes on answering; what was changed before the failure stays, and the "
            "same task finishes it when it is repeated.",
            "Correct the cause, then clear update_traffic; if it was to carry out a verdict, clear "
            "the run from observe on.",
        ),
        (
            "observe",
            AlertKind.MANUAL_CHANGE,
            "as it was changed by hand; Titleholder changed nothing.",
            "Agree on what is right, then trigger linnerud__rollout with the intent adopt or "
            "restore, and clear observe with what follows it.",
        ),
        (
            "observe",
            AlertKind.INVALID_REQUEST,
            "unchanged, as observe does not touch it.",
            "Trigger the DAG again with a request that is possible; clearing this run repeats the "
            "same one.",
        ),
    ],
)
def test_alert_for_a_failed_task(task: str, kind: AlertKind, traffic: str, next_step: str) -> None:
    alert = alert_for_task(FailedTask("linnerud", WEEK, task, "linnerud: it broke; mend it", kind))
    assert alert == Alert(
        kind, "linnerud", WEEK, f"{task} failed: it broke; mend it.", traffic, next_step
    )


def test_alerts_for_a_run_without_a_failed_task_and_for_a_late_run() -> None:
    assert alert_for_run("linnerud", WEEK, "all_tasks_deadlocked").summary == (
        "The run failed: all tasks deadlocked."
    )
    alert = alert_for_late_run(
        "linnerud", "linnerud__train (scheduled__1)", WEEK, "2026-11-17 03:00 UTC"
    )
    assert alert.summary == (
        "linnerud__train (scheduled__1) goes on, and should have ended by 2026-11-17 03:00 UTC."
    )


def test_a_stale_source_alert_says_how_late_it_is_and_until_when_the_run_waits() -> None:
    end = datetime(2026, 11, 16, 3, tzinfo=UTC)
    finding = Finding(
        FreshnessState.STALE,
        "p.d.t has no row; waiting until 2026-11-16 15:00 UTC",
        end + timedelta(hours=12),
    )
    week = Interval(end - timedelta(weeks=1), end)
    alert = alert_for_stale_source(
        "linnerud", week, finding, timedelta(minutes=10), end + timedelta(minutes=90)
    )
    assert alert.summary == (
        "1.5 h after the end of the interval: p.d.t has no row; waiting until 2026-11-16 15:00 UTC."
    )
    assert alert.next_step == (
        "Load the rows: the run checks every 10 min and continues by itself; at 2026-11-16 15:00 "
        "UTC it fails."
    )


def test_formats_of_an_alert() -> None:
    alert = Alert(
        AlertKind.TASK,
        "linnerud",
        WEEK,
        "It <broke> & said\n<!channel> <http://evil|here>.",
        "unchanged.",
        "Mend it.",
        (Link("Log", "https://airflow/x?a=1&b=2"),),
    ).linked(Link("Nowhere", ""))
    assert chat(alert) == (
        f"*linnerud: task failed* ({WEEK})\n"
        "It ‹broke› & said ‹!channel› ‹http∶//evil|here›.\n"
        "Live traffic: unchanged.\n"
        "What to do: Mend it.\n"
        "<https://airflow/x?a=1&b=2|Log>"
    )
    assert "It &lt;broke&gt; &amp; said &lt;!channel&gt;" in mail(alert)
    assert '<a href="https://airflow/x?a=1&amp;b=2">Log</a>' in mail(alert)
    assert subject(alert) == "Titleholder: linnerud: task failed"
    assert "\n" not in line(alert)


HOSTILE = (
    "*bold* _slanted_ ~gone~ `code` <!channel> <users/all> [a report](https://evil.example/x) see "
    "https://evil.example/login, www.evil.example, evil.example/login or evil\u3002example, mail "
    "to ann@evil.example, @here @all #general :fire: :+1: &lt;!here&gt;\n"
    "*linnerud: challenger promoted* (now)\x1b[2K\r\u202eelpmaxe\u2066 a\u200bb \ud800"
)


def hostile() -> Alert:
    return Alert(
        AlertKind.TASK, "linnerud", HOSTILE, HOSTILE, HOSTILE, HOSTILE, (Link(HOSTILE, "x"),)
    )


def links_and_text(text: str) -> tuple[list[str], str]:
    """A chat's message as its links, and the rest without the title's bold."""
    (title,) = re.findall(r"^\*linnerud: task failed\* ", text)
    rest = text.removeprefix(title)
    return re.findall(r"<([^<>|]+)\|[^<>|]+>", rest), re.sub(r"<[^<>|]+\|([^<>|]+)>", r"\1", rest)


def test_only_our_links_are_markup_in_a_chat() -> None:
    links, rest = links_and_text(chat(hostile()))
    assert links == ["x"]
    for sign in "*`~<>":
        assert sign not in rest
    for markup in (
        r"(?<!\w)_|_(?!\w)",  # emphasis
        r"\]\(",  # a link in Markdown
        r"://",
        r"\w[.\u3002][^\W\d_]",  # an address of a host, a page or a person
        r"(?<!\w)[@#]\w",  # a mention
        r":[\w+-]+:",  # a picture
        r"&\w+;",
    ):
        assert re.search(markup, rest) is None, (markup, rest)
    assert rest.count("\n") == 4
    assert all(line.isprintable() for line in rest.split("\n"))
    assert "bold∗ ˍslantedˍ ∼gone∼ 'code' ‹!channel›" in rest
    assert r"(now)\x1b[2K \u202eelpmaxe\u2066 a\u200bb \ud800" in rest


@pytest.mark.parametrize(
    "text",
    [
        "linnerud@2 (2991330000, data until 2026-11-16 03:00 UTC) went from 10 % to 40 %.",
        "linnerud__train (scheduled__2026-11-16T03:00:00+00:00): R2 0.97; clear submit_pipeline.",
        "0.046 (-0.077 to -0.016) & 2.1 d; $HOME/x [1, 2]: a_b, #66141",
    ],
)
def test_text_without_markup_is_unchanged(text: str) -> None:
    assert inert(text) == text.replace("#", "＃")


def test_slack_receives_plain_text_blocks_and_expands_no_link() -> None:
    posted = message(hostile(), "hooks.slack.com")
    assert (posted["unfurl_links"], posted["unfurl_media"]) == (False, False)
    assert posted["text"] == chat(hostile())
    title, body, links = posted["blocks"]
    for block in (title, body):
        assert block["text"]["type"] == "plain_text"
        assert block["text"]["emoji"] is False
    assert title["text"]["text"] == "linnerud: task failed"
    assert "see https://evil.example/login, www" in body["text"]["text"]
    assert body["text"]["text"].count("\n") == 3
    assert not {"<", ">", "\x1b", "\u202e"} & {*body["text"]["text"]}
    assert (links["text"]["type"], links["text"]["verbatim"]) == ("mrkdwn", True)
    assert links["text"]["text"].startswith("<x|∗bold∗ ")
    assert links["text"]["text"].count("<") == 1
    long = Alert(AlertKind.TASK, "m" * 30, "x" * 5000, "y" * 50_000, "z" * 5000, "w" * 5000)
    title, body = message(long, "hooks.slack.com")["blocks"]
    assert len(title["text"]["text"]) <= 150
    assert len(body["text"]["text"]) <= 3000
    # Google Chat refuses a message with a field that it does not know.
    assert message(hostile(), "chat.googleapis.com") == {"text": chat(hostile())}


def test_link_addresses_are_quoted() -> None:
    link = Link("Log", "https://airflow/x?a=1&b=(2)%20|y>z <w>\n")
    alert = Alert(AlertKind.TASK, "linnerud", WEEK, "It broke.", "unchanged.", "Mend it.", (link,))
    address = "https://airflow/x?a=1&b=(2)%20%7Cy%3Ez%20%3Cw%3E%0A"
    assert chat(alert).endswith(f"\n<{address}|Log>")
    *_, links = message(alert, "hooks.slack.com")["blocks"]
    assert links["text"]["text"] == f"<{address.replace('&', '&amp;')}|Log>"


def test_hostile_text_adds_no_line_to_a_mail_or_the_log() -> None:
    for text in (line(hostile()), subject(hostile())):
        assert text.isprintable()
    body = mail(hostile())
    assert body.count("\n") == body.count("<p>") == 5
    assert all(one.isprintable() for one in body.splitlines())
    assert "&lt;!channel&gt;" in body


@pytest.mark.parametrize("show", [chat, mail, lambda alert: str(message(alert, "hooks.slack.com"))])
def test_the_remedy_is_never_cut(show: Callable[[Alert], str]) -> None:
    remedy = (
        "read the step's log, correct the cause, then clear submit_pipeline with what follows it "
        "in the run of that week, or trigger it anew with force_retrain"
    )
    alert = alert_for_task(
        FailedTask(
            "linnerud",
            WEEK,
            "wait_for_pipeline",
            f"linnerud: job failed in task train: {'Traceback; line 1 ' * 300}; {remedy}",
            AlertKind.PIPELINE,
        )
    )
    text = html.unescape(show(alert))
    assert "wait_for_pipeline failed: job failed in task train: Traceback; line 1" in text
    assert " ... " in text
    assert f"; {remedy}." in text.replace("\\'", "'")
    assert len(text) < 4096


def test_a_message_has_a_maximum_length() -> None:
    alert = Alert(AlertKind.TASK, "linnerud", "x" * 5000, "y" * 50_000, "z" * 5000, "w" * 5000)
    assert len(chat(alert)) < 4096
