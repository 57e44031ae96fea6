"""The overview: one row for each model, those that need a person first. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from titleholder.page.dag_runs import DagState, RunLine, run_lines
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.sections import ModelSection, build_section


class Attention(IntEnum):
    """How much a model needs a person; the rows are in this order."""

    ACTION = 0
    FAILED = 1
    LATE = 2
    NONE = 3


@dataclass(frozen=True)
class OverviewRow:
    """One model. `section` is None if its file is not valid, and then `warnings` has the reason;
    else those are the section's. `runs` are the unfinished runs and the failed last ones."""

    model: str
    attention: Attention
    warnings: list[str]
    section: ModelSection | None
    runs: list[RunLine]


def overview(
    found: Sequence[ModelFacts | Unreadable], dags: Mapping[str, DagState]
) -> list[OverviewRow]:
    """The rows, by attention, then by name."""
    rows = [_row(one, dags) for one in found]
    return sorted(rows, key=lambda row: (row.attention, row.model))


def _row(one: ModelFacts | Unreadable, dags: Mapping[str, DagState]) -> OverviewRow:
    config = one.config if isinstance(one, ModelFacts) else None
    runs = _present(run_lines(one.model, dags, config))
    if isinstance(one, Unreadable):
        return OverviewRow(one.model, Attention.ACTION, [one.reason], None, runs)
    section = build_section(one)
    if section.warnings or any(run.needs_approval for run in runs):
        attention = Attention.ACTION
    elif any(run.condition in ("failed", "retries") for run in runs):
        attention = Attention.FAILED
    elif section.late and not any(run.trains for run in runs):
        attention = Attention.LATE
    else:
        attention = Attention.NONE
    return OverviewRow(one.model, attention, section.warnings, section, runs)


def _present(lines: Sequence[RunLine]) -> list[RunLine]:
    return [line for line in lines if line.condition != "success"]
