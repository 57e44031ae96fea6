"""What people are told of what failed, is late, or is waited for; and how it looks."""

from datetime import UTC, datetime, timedelta

import pytest

from titleholder.alerts.alert import Alert, Kind, Link
from titleholder.alerts.failures import Failed, late, of_failure, of_run
from titleholder.alerts.rendering import chat, line, mail, subject
from titleholder.alerts.waiting import stale
from titleholder.freshness import Finding, Outcome
from titleholder.interval import Interval

WEEK = "data of 2026-11-09 03:00 to 2026-11-16 03:00 UTC"


@pytest.mark.parametrize(
    ("task", "kind", "traffic", "todo"),
    [
        (
            "check_freshness",
            Kind.TASK,
            "unchanged, as check_freshness does not touch it.",
            "Mend the cause, then clear check_freshness with what follows it.",
        ),
        (
            "wait_for_pipeline",
            Kind.PIPELINE,
            "unchanged, as wait_for_pipeline does not touch it.",
            "Read the step's log, mend the cause, then clear submit_pipeline with what follows it.",
        ),
        (
            "wait_for_duel",
            Kind.PIPELINE,
            "unchanged, as wait_for_duel does not touch it.",
            "Read the step's log, mend the cause, then clear submit_duel with what follows it.",
        ),
        (
            "update_traffic",
            Kind.TASK,
            "the champion goes on answering; what was changed before the failure stays, and the "
            "same task finishes it when it is repeated.",
            "Mend the cause, then clear update_traffic; where it was to carry out a verdict, clear "
            "the run from observe on.",
        ),
        (
            "observe",
            Kind.HANDS_ON,
            "as that person left it; Titleholder changed nothing.",
            "Agree on what is right, then trigger linnerud__rollout with the intent adopt or "
            "restore, and clear observe with what follows it.",
        ),
    ],
)
def test_a_failed_task(task: str, kind: Kind, traffic: str, todo: str) -> None:
    alert = of_failure(Failed("linnerud", WEEK, task, "linnerud: it broke; mend it", kind))
    assert alert == Alert(
        kind, "linnerud", WEEK, f"{task} failed: it broke; mend it.", traffic, todo
    )


def test_a_run_without_a_failed_task_and_a_late_one() -> None:
    assert of_run("linnerud", WEEK, "all_tasks_deadlocked").what == (
        "The run failed: all tasks deadlocked."
    )
    alert = late("linnerud", "linnerud__train (scheduled__1)", WEEK, "2026-11-17 03:00 UTC")
    assert alert.what == (
        "linnerud__train (scheduled__1) goes on, and should have ended by 2026-11-17 03:00 UTC."
    )


def test_a_stale_source_says_how_late_and_until_when() -> None:
    end = datetime(2026, 11, 16, 3, tzinfo=UTC)
    finding = Finding(
        Outcome.STALE,
        "p.d.t has no row; waiting until 2026-11-16 15:00 UTC",
        end + timedelta(hours=12),
    )
    week = Interval(end - timedelta(weeks=1), end)
    alert = stale("linnerud", week, finding, timedelta(minutes=10), end + timedelta(minutes=90))
    assert alert.what == (
        "1.5 h after the end of the interval: p.d.t has no row; waiting until 2026-11-16 15:00 UTC."
    )
    assert alert.todo == (
        "Load the rows: the run looks every 10 min and goes on by itself; at 2026-11-16 15:00 UTC "
        "it fails."
    )


def test_how_it_looks() -> None:
    alert = Alert(
        Kind.TASK,
        "linnerud",
        WEEK,
        "It <broke> & said\n<!channel> <http://evil|here>.",
        "unchanged.",
        "Mend it.",
        (Link("Log", "https://airflow/x?a=1&b=2"),),
    ).linked(Link("Nowhere", ""))
    assert chat(alert) == (
        f"*linnerud: task failed* ({WEEK})\n"
        "It ‹broke› & said ‹!channel› ‹http://evil|here›.\n"
        "Live traffic: unchanged.\n"
        "What to do: Mend it.\n"
        "<https://airflow/x?a=1&b=2|Log>"
    )
    assert "It &lt;broke&gt; &amp; said &lt;!channel&gt;" in mail(alert)
    assert '<a href="https://airflow/x?a=1&amp;b=2">Log</a>' in mail(alert)
    assert subject(alert) == "Titleholder: linnerud: task failed"
    assert "\n" not in line(alert)


def test_a_message_has_an_end() -> None:
    alert = Alert(Kind.TASK, "linnerud", "x" * 5000, "y" * 50_000, "z" * 5000, "w" * 5000)
    assert len(chat(alert)) < 4096
