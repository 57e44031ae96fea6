"""Facts in, one HTML page out, which needs nothing else: no resource from elsewhere. No I/O but
the reading of the templates beside this file."""

import base64
import hashlib
from collections.abc import Container, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from titleholder.page import links
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.sections import build_section
from titleholder.page.text import count, moment, reason_text, run_text

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# When a page that lacks what is being read is loaded anew.
AGAIN_SECONDS = 5


def page(
    found: Sequence[ModelFacts | Unreadable],
    now: datetime,
    airflow: str | None,
    *,
    runs: Container[str] = (),
    framed: bool = False,
    others: Sequence[str] = (),
) -> str:
    """The page about these models as of `now`.

    `airflow` is where its runs are shown: a base URL, "" on the server that serves this page, None
    where that is not known; `runs` are those that are there, as events name them: no other gets a
    link. `framed`: with the script that lets it live in Airflow's frame. `others` are models that
    have a page of their own, at `?model=`. A page that is not finished loads itself anew.
    """
    models = [build_section(one) for one in found if isinstance(one, ModelFacts)]

    def run(name: str) -> str:
        return links.run(airflow, name) if name in runs else ""

    return (
        _templates()
        .get_template("page.html")
        .render(
            models=models,
            again=AGAIN_SECONDS if any(one.facts.unfinished for one in models) else 0,
            run=run,
            unreadable=[one for one in found if isinstance(one, Unreadable)],
            now=now,
            airflow=airflow,
            others=others,
            style=_text("style.css"),
            script=_text("frame.js") if framed else "",
            policy=policy(framed=framed),
        )
    )


def notice(title: str, text: str, link: tuple[str, str] | None = None) -> str:
    """A page that says one thing; `link` is where to go on: address and words."""
    return (
        _templates()
        .get_template("notice.html")
        .render(
            title=title,
            text=text,
            link=link,
            again=0,
            style=_text("style.css"),
            script="",
            policy=policy(),
        )
    )


def policy(*, framed: bool = False) -> str:
    """The page's Content-Security-Policy: nothing is fetched, and nothing runs but our script,
    even if something slipped into the page."""
    script = f"; script-src {_hash('frame.js')}" if framed else ""
    return (
        f"default-src 'none'; style-src {_hash('style.css')}{script}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # Reasons, actors and names come from outside.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["links"] = links
    made.filters |= {
        "moment": moment,
        "number": _number,
        "reason": reason_text,
        "run_name": run_text,
        "count": count,
    }
    return made


def _number(value: float | None) -> str:
    """Four significant digits, thousands apart; a dash for what is not known."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
