"""What `status` prints: one endpoint as a picture, or all as a table. No I/O."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from titleholder.cli.history import event_text
from titleholder.cli.status.evaluation import evaluation_facts
from titleholder.cli.status.facts import StatusFacts
from titleholder.cli.status.split_bar import mark, split_bar
from titleholder.cli.terminal import facts, table, text, unwrapped
from titleholder.labels import Label
from titleholder.page.text import age

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_BAR, _SMALL_BAR = 60, 10


def picture(found: StatusFacts) -> "RenderableType":
    """One endpoint: the split as a bar, the models, and what happened and is to be done."""
    from rich.console import Group
    from rich.padding import Padding

    view, holders = found.view, found.status.holders
    parts: list[RenderableType] = [
        text(f"{view.model}: {view.endpoint or 'no endpoint yet'}", "bold")
    ]
    if view.endpoint:
        address = view.address or "none; Private Service Connect only"
        parts.append(unwrapped(f"  address: {address}"))
    if any(one.traffic_percentage for one, _ in holders):
        parts.append(Padding(split_bar(holders, _BAR), (0, 0, 0, 2), expand=False))
    if rows := list(_models(found)):
        parts.append(Padding(_grid(rows), (0, 0, 0, 2), expand=False))
    elif view.endpoint:
        parts.append(text("  no model is deployed"))
    lines = list(_facts(found))
    if lines:
        parts.append(facts(lines))
    if found.status.needs_action:
        parts.append(text(found.status.needs_action, "bold red"))
    return Group(*parts)


def overview(now: datetime, found: Mapping[str, StatusFacts | str]) -> "RenderableType":
    """A row for each model; instead of facts the row of a model may have the reason why there are
    none."""
    rows: list[list[str | Text]] = []
    for name, one in found.items():
        if isinstance(one, str):
            rows.append([name, "", "", "", "", text(f"cannot be read: {one}", "red")])
            continue
        by_role = {role: holder for holder, role in one.status.holders}
        roles = [
            f"{model.model} {model.traffic_percentage} %" if (model := by_role.get(role)) else "-"
            for role in (Label.CHAMPION, Label.CHALLENGER)
        ]
        changed = age(one.last.time, now) if one.last else "-"
        bar = split_bar(one.status.holders, _SMALL_BAR)
        rows.append([name, bar, *roles, changed, _remark(one)])
    return table(("model", "traffic", "champion", "challenger", "changed", ""), rows)


def _remark(found: StatusFacts) -> "str | Text":
    """The most important sentence about an endpoint."""
    if found.status.needs_action:
        return text(found.status.needs_action, "red")
    if found.unreadable:
        return f"the events cannot be read: {found.unreadable}"
    if found.evaluation and found.evaluation.last:
        return f"verdict: {found.evaluation.last.reason}"
    if not found.view.endpoint:
        return "no endpoint yet"
    return f"last change: {found.last.action}" if found.last else ""


def _grid(rows: list[list["str | Text"]]) -> "RenderableType":
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "left", "right", "left", "left", "left"):
        grid.add_column(justify=justify, no_wrap=True)
    grid.columns[-1].no_wrap = False
    for row in rows:
        grid.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    return grid


def _models(found: StatusFacts) -> Iterator[list["str | Text"]]:
    for one, role in found.status.holders:
        end = found.view.data_interval_end(one)
        until = f"data until {end:%Y-%m-%d %H:%M}, {age(end, found.now)} ago" if end else ""
        yield [
            mark(role) if one.traffic_percentage else " ",
            role or "no role",
            f"{one.traffic_percentage} %",
            one.model,
            f"id {one.id}",
            until or "not deployed by Titleholder",
        ]
    for role, model in found.not_deployed.items():
        undo = role == Label.PREVIOUS_CHAMPION
        remedy = "; undo-promotion deploys it again" if undo else ""
        version = model.version or "unknown version"
        yield [" ", role, "-", version, f"id {model.id}", f"not deployed{remedy}"]


def _facts(found: StatusFacts) -> Iterator[tuple[str, str]]:
    view = found.view
    for operation in view.pending_operations:
        yield "pending operation", operation
    yield from _changes(found)
    if found.evaluation:
        yield from evaluation_facts(found.evaluation, found.now)
    for sentence in found.settings:
        yield "machine settings", sentence


def _changes(found: StatusFacts) -> Iterator[tuple[str, str]]:
    """The last change, and the one that removed the last challenger if that is another."""
    last, removal, now = found.last, found.removal, found.now
    labelled = found.view.labels.get(Label.LAST_EVENT, "")
    action = labelled.partition("-")[0]
    if found.unreadable:
        yield (
            "last change",
            f"{action or 'unknown'}; the events cannot be read: {found.unreadable}",
        )
    elif last is not None and last.id == labelled:
        yield "last change", event_text(last, now)
    elif labelled:
        yield "last change", f"{action}, which is not recorded"
    if last is not None and last.id != labelled:
        yield "last recorded", event_text(last, now)
    if removal is not None and removal != last:
        yield "challenger removed by", event_text(removal, now)
