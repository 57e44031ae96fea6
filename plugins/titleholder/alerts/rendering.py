"""An alert for each destination: a line of a log, a chat's text, an e-mail."""

import html

from titleholder.alerts.alert import Alert

# Google Chat takes 4,096 characters in all, Slack more.
_LONGEST = 600


def line(alert: Alert) -> str:
    """One line for a log."""
    return _plain(
        f"{alert.model}: {alert.kind} ({alert.about}): {alert.what} Live traffic: {alert.traffic} "
        f"What to do: {alert.todo}"
    )


def subject(alert: Alert) -> str:
    """An e-mail's subject."""
    return _plain(f"Titleholder: {alert.model}: {alert.kind}")


def chat(alert: Alert) -> str:
    """The text of a message as both Slack and Google Chat read it: `*bold*`, `<url|name>`.

    Nothing else in it is markup: what happened may quote a person or an error, who shall mention
    nobody and link nowhere.
    """
    links = " · ".join(f"<{link.url}|{_inert(link.name)}>" for link in alert.links)
    said = [
        f"*{_inert(alert.model)}: {alert.kind}* ({_inert(alert.about)})",
        _inert(alert.what),
        f"Live traffic: {_inert(alert.traffic)}",
        f"What to do: {_inert(alert.todo)}",
    ]
    return "\n".join([*said, links] if links else said)


def mail(alert: Alert) -> str:
    """An e-mail's body, HTML."""
    said = [
        f"<b>{html.escape(alert.model)}: {alert.kind}</b> ({html.escape(alert.about)})",
        html.escape(_short(alert.what)),
        f"Live traffic: {html.escape(_short(alert.traffic))}",
        f"What to do: {html.escape(_short(alert.todo))}",
        *(
            f'<a href="{html.escape(link.url)}">{html.escape(link.name)}</a>'
            for link in alert.links
        ),
    ]
    return "".join(f"<p>{part}</p>\n" for part in said)


def _inert(text: str) -> str:
    return _short(text).replace("<", "‹").replace(">", "›")


def _short(text: str) -> str:
    text = _plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _plain(text: str) -> str:
    return " ".join(text.split())
