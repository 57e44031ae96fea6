"""Renders the facts as one HTML page without other resources. No I/O but reading the templates."""

import base64
import hashlib
import re
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from titleholder.gcp import console
from titleholder.page.dag_runs import DagState, overdue_text, run_lines
from titleholder.page.event_kinds import event_kind
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.overview import Attention, overview
from titleholder.page.text import age, count, moment, reason_text, run_text, sentence
from titleholder.rollout.intents import INTENTS, summary

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("frame.js", "refresh.js", "request.js")
# The time after which a page in Airflow is read again: as long as the server keeps what it read,
# or soon while something is still being read.
REFRESH_SECONDS, UNFINISHED_SECONDS = 30, 5


def page(
    found: Sequence[ModelFacts | Unreadable],
    now: datetime,
    airflow: str | None,
    *,
    runs: Container[str] = (),
    dags: Mapping[str, DagState] | None = None,
    framed: bool = False,
    detailed: bool = True,
    others: Sequence[str] | None = None,
) -> str:
    """The page about these models as of `now`: the overview, and with `detailed` a section for
    each; without it the rows link to `?model=`.

    `airflow` is the base URL of its UI: "" on the server that serves this page, None if unknown.
    `runs` are the dag runs that exist, as events name them: no other gets a link. `dags` are the
    models' DAGs by id, None if unknown. `framed`: with the script, for Airflow's UI. `others` are
    models without a row, each with a page of its own; None on such a page.
    """
    rows = overview(found, dags or {})
    sections = [row.section for row in rows if row.section]
    unfinished = any(section.facts.unfinished for section in sections)

    def run(name: str) -> str:
        return run_page(airflow, name) if name in runs else ""

    def dag(dag_id: str) -> str:
        return dag_page(airflow, dag_id)

    return (
        _templates()
        .get_template("page.html")
        .render(
            rows=rows,
            sections=sections if detailed else [],
            now=min((section.facts.now for section in sections), default=now),
            seconds=UNFINISHED_SECONDS if unfinished else REFRESH_SECONDS,
            unfinished=unfinished,
            run=run,
            dag=dag,
            dags=dags,
            dag_state=lambda dag_id: (dags or {}).get(dag_id, DagState()),
            present_run=lambda name: run_page(airflow, name),
            runs_of=lambda config: run_lines(config.model, dags or {}, config),
            overdue_text=overdue_text,
            api="" if airflow is None or not framed else f"{airflow.rstrip('/')}/api/v2",
            detailed=detailed,
            others=others,
            framed=framed,
            style=_text("style.css"),
            script=_script() if framed else "",
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
            seconds=0,
            unfinished=False,
            style=_text("style.css"),
            script="",
            policy=policy(),
        )
    )


def policy(*, framed: bool = False) -> str:
    """The page's Content-Security-Policy: no resource is fetched, and only our script runs, even
    if the page contained another; it may call only the server that it came from."""
    script = f"; script-src {_hash(_script())}; connect-src 'self'" if framed else ""
    return (
        f"default-src 'none'; style-src {_hash(_text('style.css'))}{script}; img-src data:; "
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


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _script() -> str:
    return "".join(_text(name) for name in SCRIPTS)


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
    environment.globals |= {"console": console, "Attention": Attention, "kind": event_kind}
    environment.filters |= {
        "age": age,
        "day": lambda time: f"{time:%Y-%m-%d}",
        "words": lambda name: name.replace("_", " "),
        "intent": lambda name: summary(INTENTS[name]),
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
