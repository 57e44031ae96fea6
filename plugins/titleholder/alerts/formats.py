"""The formats of an alert: a line of a log, a message in a chat, an e-mail. No I/O."""

import html
from typing import Any
from urllib.parse import quote

from titleholder.alerts.alert import Alert, Link
from titleholder.alerts.text import inert, plain

# Google Chat takes 4,096 characters in all, Slack 3,000 in a section.
_LONGEST = 600
_SLACK = ("hooks.slack.com", "hooks.slack-gov.com")


def line(alert: Alert) -> str:
    """One line for a log."""
    return _plain(
        f"{alert.model}: {alert.kind} ({alert.subject}): {alert.summary} Live traffic: "
        f"{alert.traffic} "
        f"What to do: {alert.next_step}"
    )


def subject(alert: Alert) -> str:
    """An e-mail's subject."""
    return _plain(f"Titleholder: {alert.model}: {alert.kind}")


def message(alert: Alert, host: str) -> dict[str, Any]:
    """The JSON to post to the webhook at that host.

    Our links are the only markup, as an alert may quote a user or an error: Slack has blocks for
    text that is no markup; for any other host the text is made `inert`. Google Chat refuses a
    message with fields that it does not know.
    """
    text = {"text": chat(alert)}
    return text | _slack(alert) if host in _SLACK else text


def chat(alert: Alert) -> str:
    """The text of a message in the markup of Slack and Google Chat: `*bold*`, `<url|name>`."""
    links = " · ".join(f"<{_address(link)}|{inert(_short(link.name))}>" for link in alert.links)
    title, about, *lines = map(inert, _parts(alert))
    return "\n".join([f"*{title}* ({about})", *lines, *filter(None, [links])])


def mail(alert: Alert) -> str:
    """An e-mail's body, HTML."""
    title, about, *lines = map(html.escape, _parts(alert))
    links = (
        f'<a href="{html.escape(link.url)}">{html.escape(_short(link.name))}</a>'
        for link in alert.links
    )
    paragraphs = [f"<b>{title}</b> ({about})", *lines, *links]
    return "".join(f"<p>{part}</p>\n" for part in paragraphs)


def _parts(alert: Alert) -> list[str]:
    """Title, subject, and the lines below them: plain, and not too long."""
    return [
        _short(f"{alert.model}: {alert.kind}"),
        _short(alert.subject),
        _short(alert.summary),
        f"Live traffic: {_short(alert.traffic)}",
        f"What to do: {_short(alert.next_step)}",
    ]


def _slack(alert: Alert) -> dict[str, Any]:
    """The blocks that Slack shows instead of the text; Slack expands no link of them."""
    title, *lines = _parts(alert)
    blocks = [
        {"type": "header", "text": _plain_text(title)},
        {"type": "section", "text": _plain_text("\n".join(lines))},
    ]
    if alert.links:
        links = " · ".join(
            f"<{_entities(_address(link))}|{_entities(inert(_short(link.name)))}>"
            for link in alert.links
        )
        text = {"type": "mrkdwn", "text": links, "verbatim": True}
        blocks.append({"type": "section", "text": text})
    return {"blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _plain_text(text: str) -> dict[str, Any]:
    # Angle brackets begin links and mentions in Slack; its documentation does not say whether they
    # do in plain text.
    text = text.replace("<", "‹").replace(">", "›")
    return {"type": "plain_text", "text": text, "emoji": False}


def _address(link: Link) -> str:
    """The link's address, with the characters quoted that would end it in a chat."""
    return quote(link.url, safe="!#$%&'()*+,/:;=?@[]~")


def _entities(text: str) -> str:
    return html.escape(text, quote=False)


def _short(text: str) -> str:
    """At most 600 characters; the middle of a longer text is left out. What to do, which comes last
    after a semicolon, is kept."""
    text = _plain(text)
    if len(text) <= _LONGEST:
        return text
    cause, _, remedy = text.rpartition("; ")
    last = max(_LONGEST // 3, min(len(remedy), _LONGEST * 3 // 4) if cause else 0)
    return f"{text[: _LONGEST - last - 5]} ... {text[-last:]}"


def _plain(text: str) -> str:
    return " ".join(plain(text).split())
