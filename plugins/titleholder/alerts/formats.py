"""An alert for each destination: a line of a log, a chat's message, an e-mail."""

import html
from typing import Any
from urllib.parse import quote

from titleholder.alerts.alert import Alert, Link
from titleholder.alerts.chat_text import inert
from titleholder.plain_text import plain

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
    """What to post, as JSON, to the webhook at that host.

    Whichever it is, our links are the only markup: what happened may quote a person or an error.
    Slack has blocks for text that is no markup; anywhere else such text is made `inert`. Google
    Chat refuses a message with fields it does not know.
    """
    text = {"text": chat(alert)}
    return text | _slack(alert) if host in _SLACK else text


def chat(alert: Alert) -> str:
    """The text of a message as both Slack and Google Chat read it: `*bold*`, `<url|name>`."""
    links = " · ".join(f"<{_address(link)}|{inert(_short(link.name))}>" for link in alert.links)
    title, *said = map(inert, _said(alert))
    return "\n".join([f"*{title}* ({said[0]})", *said[1:], *filter(None, [links])])


def mail(alert: Alert) -> str:
    """An e-mail's body, HTML."""
    title, about, *said = map(html.escape, _said(alert))
    links = (
        f'<a href="{html.escape(link.url)}">{html.escape(_short(link.name))}</a>'
        for link in alert.links
    )
    parts = [f"<b>{title}</b> ({about})", *said, *links]
    return "".join(f"<p>{part}</p>\n" for part in parts)


def _said(alert: Alert) -> list[str]:
    """Title, what it is about, and the lines below them: plain, and not too long."""
    return [
        _short(f"{alert.model}: {alert.kind}"),
        _short(alert.subject),
        _short(alert.summary),
        f"Live traffic: {_short(alert.traffic)}",
        f"What to do: {_short(alert.next_step)}",
    ]


def _slack(alert: Alert) -> dict[str, Any]:
    """The blocks that Slack shows instead of the text; it looks no link up."""
    title, *said = _said(alert)
    blocks = [
        {"type": "header", "text": _plain_text(title)},
        {"type": "section", "text": _plain_text("\n".join(said))},
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
    # Angle brackets begin Slack's links and mentions; whether here too, its documents do not say.
    text = text.replace("<", "‹").replace(">", "›")
    return {"type": "plain_text", "text": text, "emoji": False}


def _address(link: Link) -> str:
    """The link's address without what would end it in a chat."""
    return quote(link.url, safe="!#$%&'()*+,/:;=?@[]~")


def _entities(text: str) -> str:
    return html.escape(text, quote=False)


def _short(text: str) -> str:
    """At most 600 characters, the middle left out of a longer text. What to do, which stands last
    after a semicolon, is left whole."""
    text = _plain(text)
    if len(text) <= _LONGEST:
        return text
    cause, _, remedy = text.rpartition("; ")
    last = max(_LONGEST // 3, min(len(remedy), _LONGEST * 3 // 4) if cause else 0)
    return f"{text[: _LONGEST - last - 5]} ... {text[-last:]}"


def _plain(text: str) -> str:
    return " ".join(plain(text).split())
