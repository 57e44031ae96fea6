"""The sentences of events as HTML. No I/O."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from titleholder.events.event import Event
from titleholder.rollout.view import View

# A shorter id could be any number in a sentence.
SHORTEST_ID = 6
_CODE = r"`(?P<code>[^`]+)`"
_TIME = r"(?P<time>(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d{4}-\d\d-\d\d(?: \d\d:\d\d(?: UTC)?)?)"


def names_of(view: View | None, events: Iterable[Event]) -> dict[str, str]:
    """Readable names: `<model>@<version>` by deployed model id, and one for the endpoint's resource
    name."""
    names = {key: version for event in events for key, version in event.versions.items()}
    if view is not None:
        names |= {one.id: one.model for one in view.deployed_models}
        if view.endpoint:
            names[view.endpoint] = "the endpoint"
    return {key: name for key, name in names.items() if len(key) >= SHORTEST_ID}


def reason_text(
    reason: str, names: Mapping[str, str], chip: str = "", *, ids: bool = False
) -> Markup:
    """A sentence as HTML: versions instead of ids (with `ids`, followed by the ids), commands as
    code, unbroken dates, and without the word of the `chip` beside it."""
    known = "|".join(re.escape(key) for key in sorted(names, key=len, reverse=True))
    # Not where the sentence itself says that it is an id.
    named = (
        rf"(?<![\w@/.-])(?<!\bid )(?P<named>{known})(?![\w@/-])" if known else r"(?P<named>(?!))"
    )
    pieces, end = [], 0
    text = reason.removeprefix(f"{chip}: ") if chip else reason
    for found in re.finditer(f"{_CODE}|{_TIME}|{named}", text):
        pieces += [_plain(text[end : found.start()]), _marked(found, names, ids=ids)]
        end = found.end()
    return Markup("").join([*pieces, _plain(text[end:])])


def moment(time: datetime) -> str:
    """The time to the minute, without a time zone."""
    return f"{time:%Y-%m-%d %H:%M}"


def age(time: datetime, now: datetime) -> str:
    """How long ago that was, in one unit: `40 s`, `5 min`, `3 h`, `12 d`."""
    span = now - time
    for unit, size, below in (
        ("s", timedelta(seconds=1), timedelta(minutes=1)),
        ("min", timedelta(minutes=1), timedelta(hours=1)),
        ("h", timedelta(hours=1), timedelta(days=2)),
    ):
        if span < below:
            return f"{max(span, timedelta()) // size} {unit}"
    return f"{span // timedelta(days=1)} d"


def sentence(text: str) -> str:
    """The text with a capital first and a full stop last."""
    return f"{text[:1].upper()}{text[1:]}."


def run_text(run: str) -> str:
    """An event's run without its own id: the DAG's id, or `command line`."""
    dag_id, _, run_id = run.partition("/")
    return dag_id if run_id else re.sub(r"^(command line) \S+$", r"\1", run)


def count(number: int, one: str, many: str = "") -> str:
    """`1 verdict`, `2 verdicts`; `many` is the plural, by default `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _plain(text: str) -> Markup:
    # No line break between a number and its per cent sign.
    return escape(text.replace(" %", "\u00a0%"))


def _marked(found: re.Match[str], names: Mapping[str, str], *, ids: bool) -> Markup:
    if code := found["code"]:
        return Markup("<code>{}</code>").format(code)
    if time := found["time"]:
        return Markup('<span class="whole">{}</span>').format(time)
    key = found["named"]
    shown = Markup('<span title="{}">{}</span>').format(key, names[key])
    return shown + f" ({key})" if ids and key.isdecimal() else shown
