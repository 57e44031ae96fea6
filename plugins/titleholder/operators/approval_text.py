"""The texts of a promotion's approval. No I/O."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from titleholder.config.duel import format_hours
from titleholder.config.model import ModelConfig
from titleholder.operators.results import Decided


def question(config: ModelConfig, decided: Decided, approval_timeout: timedelta) -> tuple[str, str]:
    """Subject and body (Markdown) of the question."""
    challenger, verdict = decided.challenger, decided.verdict or {}
    subject = f"{config.model}: promote the challenger {challenger}?"
    body = f"""\
{decided.reason}.

| | |
| --- | --- |
| endpoint | {config.endpoint.display_name} |
| champion now | {decided.champion} |
| challenger | {challenger} |
| loss, champion's minus challenger's | {verdict["estimate"]:.4g} |
| interval | {verdict["low"]:.4g} to {verdict["high"]:.4g} |
| rows | {verdict["n"]:.0f} |
| report | [{decided.report}]({_link(decided.report)}) |
| duel | {decided.job} |

**Approve**: the challenger becomes champion with all traffic, in one write. \
**Reject**, or no answer within {format_hours(approval_timeout)}: nothing is changed, and the \
next run asks again if the verdict is the same.
"""
    return subject, body


def rejection_text(decided: Decided, answer: Mapping[str, Any], within: timedelta) -> str:
    """Why nothing is changed, in one sentence, from Airflow's answer."""
    user = approver(answer)
    # After the timeout Airflow answers with the default, without a user.
    why = f"{user} rejected it" if user else f"there was no answer within {format_hours(within)}"
    return (
        f"the promotion of {decided.challenger} was not approved: {why}; nothing is changed, and "
        "the next run asks again if the verdict is the same"
    )


def approver(answer: Mapping[str, Any]) -> str:
    """The user who answered, as Airflow names them; empty for none."""
    user = answer.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "")


def _link(report: str) -> str:
    """The URL at which a browser that is signed in to Google opens a gs:// URI."""
    return "https://storage.cloud.google.com/" + quote(report.removeprefix("gs://"))
