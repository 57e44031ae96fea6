"""What a person is asked before a challenger gets the title, and what follows. No I/O."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from titleholder.config.duel import format_hours
from titleholder.config.model import ModelConfig


def question(
    config: ModelConfig, decided: Mapping[str, Any], approval_timeout: timedelta
) -> tuple[str, str]:
    """Subject and body (Markdown) of the question, from what `decide` returned."""
    challenger, verdict = _challenger(decided), decided["verdict"]
    subject = f"{config.model}: promote the challenger {challenger}?"
    body = f"""\
{decided["reason"]}.

| | |
| --- | --- |
| endpoint | {config.endpoint.display_name} |
| champion now | {decided["champion"]} |
| challenger | {challenger} |
| loss, champion's minus challenger's | {verdict["estimate"]:.4g} |
| interval | {verdict["low"]:.4g} to {verdict["high"]:.4g} |
| rows | {verdict["n"]:.0f} |
| report | [{decided["report"]}]({_link(decided["report"])}) |
| duel | {decided["job"]} |

**Approve**: the challenger gets the title and all requests in one write. \
**Reject**, or no answer within {format_hours(approval_timeout)}: nothing is changed, and the next
run asks \\ again if it is still earned.
"""
    return subject, body


def rejection_text(decided: Mapping[str, Any], answer: Mapping[str, Any], within: timedelta) -> str:
    """Why nothing is changed, in one sentence, from Airflow's answer to the question."""
    challenger = _challenger(decided)
    who = approver(answer)
    # Airflow gives the default when the time is over, and names nobody.
    why = f"{who} rejected it" if who else f"nobody answered within {format_hours(within)}"
    return (
        f"{challenger} has earned the title and does not get it, as {why}; nothing is changed, and "
        "the next run asks again if it is still earned"
    )


def approver(answer: Mapping[str, Any]) -> str:
    """Who answered, as Airflow names them; empty for nobody."""
    who = answer.get("responded_by_user") or {}
    return str(who.get("name") or who.get("id") or "")


def _challenger(decided: Mapping[str, Any]) -> str:
    # An older version of this package, before an upgrade, did not name the version.
    return str(decided.get("challenger") or decided["wish"]["deployed_model_id"])


def _link(report: str) -> str:
    """Where a browser that is signed in to Google opens a gs:// URI."""
    return "https://storage.cloud.google.com/" + quote(report.removeprefix("gs://"))
