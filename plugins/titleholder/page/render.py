"""Renders the facts as one HTML page without other resources. No I/O but reading the templates."""

import base64
import hashlib
import re
from collections.abc import Container, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from titleholder.gcp import console
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.sections import build_section
from titleholder.page.text import count, moment, reason_text, run_text, sentence

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# The time after which an unfinished page reloads.
RELOAD_SECONDS = 5


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

    `airflow` is the base URL of its UI: "" on the server that serves this page, None if unknown.
    `runs` are the dag runs that exist, as events name them: no other gets a link. `framed`: with
    the script for Airflow's frame. `others` are models with a page of their own, at `?model=`. An
    unfinished page reloads itself.
    """
    sections = [build_section(one) for one in found if isinstance(one, ModelFacts)]

    def run(name: str) -> str:
        return run_page(airflow, name) if name in runs else ""

    def dag(dag_id: str) -> str:
        return dag_page(airflow, dag_id)

    return (
        _templates()
        .get_template("page.html")
        .render(
            sections=sections,
            reload_seconds=RELOAD_SECONDS if any(one.facts.unfinished for one in sections) else 0,
            run=run,
            dag=dag,
            unreadable=[one for one in found if isinstance(one, Unreadable)],
            now=now,
            others=others,
            style=_text("style.css"),
            script=_text("frame.js") if framed else "",
            policy=policy(framed=framed),
        )
    )


def notice(title: str, text: str, link: tuple[str, str] | None = None) -> str:
    """A page with one message and a link: its address and text."""
    return (
        _templates()
        .get_template("notice.html")
        .render(
            title=title,
            text=text,
            link=link,
            reload_seconds=0,
            style=_text("style.css"),
            script="",
            policy=policy(),
        )
    )


def policy(*, framed: bool = False) -> str:
    """The page's Content-Security-Policy: nothing is fetched, and only our script runs, even if
    the page contained another."""
    script = f"; script-src {_hash('frame.js')}" if framed else ""
    return (
        f"default-src 'none'; style-src {_hash('style.css')}{script}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def dag_page(airflow: str | None, dag_id: str) -> str:
    """The DAG in the UI of Airflow at that base URL; "" for None."""
    return "" if airflow is None else f"{airflow.rstrip('/')}/dags/{quote(dag_id, safe='')}"


def run_page(airflow: str | None, run: str) -> str:
    """The dag run, as an event names it: `<dag id>/<run id>`; "" for any other name."""
    dag_id, _, run_id = run.partition("/")
    if not run_id or not re.fullmatch(r"[\w.-]+__(train|rollout)", dag_id):
        return ""
    dag = dag_page(airflow, dag_id)
    return dag and f"{dag}/runs/{quote(run_id, safe='')}"


def _hash(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # Reasons, actors and names come from outside.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["console"] = console
    environment.filters |= {
        "moment": moment,
        "number": _number,
        "reason": reason_text,
        "run_name": run_text,
        "count": count,
        "sentence": sentence,
    }
    return environment


def _number(value: float | None) -> str:
    """Four significant digits, with a comma between thousands; a dash for None."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
