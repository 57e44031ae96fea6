"""The report as one self-contained HTML page, for light and dark screens."""

from typing import Any

from pipeline.duel_steps.report.plots import (
    differences_plot,
    losses_plot,
    residuals_plot,
    targets_plot,
)
from pipeline.duel_steps.report.text import (
    facts,
    headline,
    notes,
    number,
    target_results,
    units,
    warnings,
)


def style() -> str:
    """The page's style sheet."""
    return """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --soft: #5d6878; --grid: #e3e7ed;
  --card: #f5f7fa; --champion: #2f66c8; --challenger: #c8620a; --better: #1a7f4b; --worse: #b3362c }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e6eaf0; --soft: #98a4b5;
  --grid: #2a323e; --card: #1b222c; --champion: #7fabff; --challenger: #ffa552; --better: #55c98a;
  --worse: #ff8176 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px 20px 48px; max-width: 820px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px }
p.where, footer { color: var(--soft); margin: 0 0 20px; overflow-wrap: anywhere }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(115px, 1fr)); gap: 10px;
  margin: 0 0 20px }
.facts div { background: var(--card); border-radius: 8px; padding: 10px 12px }
.facts b { display: block; font-size: 21px; font-variant-numeric: tabular-nums }
.facts span { color: var(--soft); font-size: 13px; line-height: 1.3; display: block }
.warning { border-left: 4px solid var(--worse); background: var(--card); padding: 8px 12px;
  margin: 0 0 10px; border-radius: 0 8px 8px 0 }
.legend span { margin-right: 18px } .legend i { display: inline-block; width: 12px; height: 12px;
  border-radius: 6px; margin-right: 6px }
i.champion { background: var(--champion) } i.challenger { background: var(--challenger) }
figure { margin: 22px 0 0 } figcaption { color: var(--soft); font-size: 14px; margin-bottom: 4px }
figcaption b { color: var(--ink) } svg { width: 100%; height: auto; display: block }
.grid { stroke: var(--grid) } .zero { stroke: var(--soft); stroke-dasharray: 4 3 }
text { fill: var(--soft); font-size: 12px } .line { fill: none; stroke-width: 2 }
.line.champion { stroke: var(--champion) } .line.challenger { stroke: var(--challenger) }
.line.so-far { stroke: var(--soft) } circle.champion { fill: var(--champion) }
circle.challenger { fill: var(--challenger) } .area { fill-opacity: .12 }
.area.champion { fill: var(--champion) } .area.challenger { fill: var(--challenger) }
.better circle { fill: var(--better) } .worse circle { fill: var(--worse) }
.whisker { stroke-width: 2 } .better .whisker { stroke: var(--better) }
.worse .whisker { stroke: var(--worse) } .even circle { fill: var(--soft) }
.even .whisker { stroke: var(--soft) }
table { border-collapse: collapse; width: 100%; margin-top: 22px; font-size: 14px }
th, td { text-align: right; padding: 5px 8px; border-bottom: 1px solid var(--grid);
  font-variant-numeric: tabular-nums } th:first-child, td:first-child { text-align: left }
th { color: var(--soft); font-weight: 500 } footer { font-size: 13px; margin: 22px 0 0 }
"""


def report_page(evidence: dict[str, Any], residuals: dict[str, Any]) -> str:
    """The page, with all names escaped; `residuals` are the accumulator's counts by role."""
    from html import escape

    tiles = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>"
        for name, value in facts(evidence)
    )
    paragraphs = "".join(f'<p class="warning">{escape(text)}</p>' for text in warnings(evidence))
    paragraphs += "".join(f"<p>{escape(text)}</p>" for text in notes(evidence))
    figures = (
        losses_plot(evidence)
        + differences_plot(evidence)
        + residuals_plot(evidence, residuals)
        + targets_plot(evidence)
    )
    legend = "".join(
        f'<span><i class="{role}"></i>{role}</span>' for role in ("champion", "challenger")
    )
    columns = {
        "champion": "champion_loss",
        "challenger": "challenger_loss",
        "difference": "mean",
        units(evidence): "n",
        "labelled": "rows_labelled",
    }
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        f"{''.join(f'<td>{number(target[key])}</td>' for key in columns.values())}</tr>"
        for name, target in evidence["targets"].items()
    )
    heads = "".join(f"<th>{head}</th>" for head in ("target", *columns))
    results = "".join(f"<li>{escape(text)}</li>" for text in target_results(evidence))
    models = "".join(
        f"<br>{role}: {escape(evidence[role]['uri'])} "
        f"(SHA-256 {escape(evidence[role]['sha256'][:12])}…, checked)"
        for role in ("champion", "challenger")
    )
    where = "{source_table}, {window_start} to {window_end}".format(**evidence)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Duel</title>'
        # Nothing is fetched and no script runs, even if one slipped into the page.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{style()}</style></head><body><h1>{escape(headline(evidence))}</h1>"
        f'<p class="where">{escape(where)}</p>{paragraphs}<div class="facts">{tiles}</div>'
        f'<div class="legend">{legend}</div>{figures}<table><tr>{heads}</tr>{rows}</table>'
        f"<p>By target, in its loss's unit, with a 95 % interval for one look; the verdict is on "
        f"{escape(evidence['primary_target'])} alone.</p><ul>{results}</ul>"
        "<footer>Evidence, not a verdict: an interval of one day is not valid for a decision made "
        f"by looking every day.{models}</footer></body></html>"
    )
