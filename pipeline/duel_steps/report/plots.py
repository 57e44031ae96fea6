"""The four charts of the report, from the evidence; empty text where there is no data."""

from typing import Any

from pipeline.duel_steps.report.charts import day_ticks, even_bins, figure, line, scale, ticks
from pipeline.duel_steps.report.text import interval_class, number, units


def losses_plot(evidence: dict[str, Any]) -> str:
    """Both models' mean loss on the primary target, by day."""
    if not (days := evidence["days"]):
        return ""
    roles = ("champion", "challenger")
    values = [day[f"{role}_loss"] for day in days for role in roles]
    pad = (max(values) - min(values)) * 0.08
    low, high = min(values) - pad, max(values) + pad
    xs, x_ticks = day_ticks(days)
    y = scale(low, high, 212, 12)
    body = ""
    for role in roles:
        points = [(x, y(day[f"{role}_loss"])) for x, day in zip(xs, days, strict=True)]
        body += line(points, role) + "".join(
            f'<circle class="{role}" cx="{px:.1f}" cy="{py:.1f}" r="3"><title>{day["day"]}: {role} '
            f"{number(day[f'{role}_loss'])} on {number(day['n'])} {units(evidence)}"
            "</title></circle>"
            for (px, py), day in zip(points, days, strict=True)
        )
    y_ticks = [(y(value), f"{value:.6g}") for value in ticks(low, high)]
    return figure("Loss, day by day.", "Lower is better.", body, x_ticks, y_ticks)


def differences_plot(evidence: dict[str, Any]) -> str:
    """The mean of the paired differences by day with its 95 % interval, and the mean so far."""
    if not (days := evidence["days"]):
        return ""
    half_widths = [1.96 * ((day["variance"] or 0.0) / day["n"]) ** 0.5 for day in days]
    low = min(0.0, *(day["mean"] - half for day, half in zip(days, half_widths, strict=True)))
    high = max(0.0, *(day["mean"] + half for day, half in zip(days, half_widths, strict=True)))
    pad = (high - low) * 0.1 or 1.0
    xs, x_ticks = day_ticks(days)
    y = scale(low - pad, high + pad, 212, 12)
    body, so_far, rows, total = "", [], 0, 0.0
    for x, day, half in zip(xs, days, half_widths, strict=True):
        rows, total = rows + day["n"], total + day["n"] * day["mean"]
        so_far.append((x, y(total / rows)))
        kind = interval_class(day["mean"], half)
        top, bottom = y(day["mean"] + half), y(day["mean"] - half)
        body += (
            f'<g class="{kind}"><title>{day["day"]}: {number(day["mean"])} ± {number(half)} on '
            f"{number(day['n'])} {units(evidence)}</title>"
            f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y(day["mean"]):.1f}" r="4"/></g>'
        )
    zero = f'<line class="zero" x1="72" x2="704" y1="{y(0):.1f}" y2="{y(0):.1f}"/>'
    sides = (
        '<text class="side" x="700" y="22" text-anchor="end">challenger better ↑</text>'
        '<text class="side" x="700" y="208" text-anchor="end">champion better ↓</text>'
    )
    y_ticks = [(y(value), f"{value:.6g}") for value in ticks(low - pad, high + pad)]
    caption = (
        "Champion's loss minus challenger's on the same rows: each day's mean with its 95 % "
        "interval, grey if that contains zero; the line is the mean so far."
    )
    chart = zero + line(so_far, "so-far") + body + sides
    return figure("Paired differences.", caption, chart, x_ticks, y_ticks)


def residuals_plot(evidence: dict[str, Any], residuals: dict[str, Any]) -> str:
    """The distribution of the residuals, or of the probabilities of the actual class; nothing for
    zero_one, which has neither."""
    if not all(counts.sum() for counts in residuals.values()):
        return ""
    classifier = evidence["loss"] == "log_loss"
    edges, fractions = even_bins(residuals, *((0.0, 1.0) if classifier else (None, None)))
    high = max(float(fraction.max()) for fraction in fractions.values()) * 1.08
    x, y = scale(edges[0], edges[-1], 72, 704), scale(0.0, high, 212, 12)
    body = ""
    for role, values in fractions.items():
        points = [(x(edges[0]), y(0))]
        for left, right, value in zip(edges[:-1], edges[1:], values.tolist(), strict=True):
            points += [(x(left), y(value)), (x(right), y(value))]
        points.append((x(edges[-1]), y(0)))
        text = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        body += f'<polygon class="area {role}" points="{text}"/>' + line(points, role)
    if edges[0] < 0 < edges[-1]:
        body += f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="12" y2="212"/>'
    x_ticks = [(x(value), f"{value:.6g}") for value in ticks(edges[0], edges[-1], 8)]
    y_ticks = [(y(value), f"{100 * value:.6g} %") for value in ticks(0.0, high)]
    if classifier:
        title, caption = "Probability of the actual class.", "Mass at the right is better."
    else:
        title = "Residuals."
        caption = "Label minus prediction: narrow and around zero is better. 99 % of the rows."
    return figure(title, caption, body, x_ticks, y_ticks)


def targets_plot(evidence: dict[str, Any]) -> str:
    """By target, the percentage by which the challenger's loss is below the champion's."""
    rows = [
        (
            name,
            100 * target["mean"] / target["champion_loss"],
            196 * (target["variance"] / target["n"]) ** 0.5 / target["champion_loss"],
            target["n"],
        )
        for name, target in evidence["targets"].items()
        if target["n"] > 1 and target["champion_loss"]
    ]
    if len(rows) < 2:
        return ""
    low = min(0.0, *(percentage - half for _, percentage, half, _ in rows))
    high = max(0.0, *(percentage + half for _, percentage, half, _ in rows))
    pad = (high - low) * 0.08 or 1.0
    x = scale(low - pad, high + pad, 92, 690)
    height = 50 + 34 * len(rows)
    zero = f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="8" y2="{height - 28}"/>'
    body, y_ticks = "", []
    for place, (name, percentage, half, n) in enumerate(rows):
        y = 28 + 34 * place
        body += (
            f'<g class="{interval_class(percentage, half)}"><title>{number(percentage)} % ± '
            f"{number(half)} % on {number(n)} {units(evidence)}</title>"
            f'<line class="whisker" x1="{x(percentage - half):.1f}" '
            f'x2="{x(percentage + half):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{x(percentage):.1f}" cy="{y}" r="4"/></g>'
        )
        short = name if len(name) <= 10 else f"{name[:9]}…"
        y_ticks.append((float(y), short))
    x_ticks = [(x(value), f"{value:.6g} %") for value in ticks(low - pad, high + pad, 6)]
    caption = (
        "The difference in per cent of the champion's loss, with its 95 % interval: right of zero "
        f"the challenger is better. The primary target is {evidence['primary_target']}."
    )
    return figure("Every target.", caption, zero + body, x_ticks, y_ticks, height)
